/* Messages that are older than their workspace keeps them (settings, retention.messages_days). Role blazz_cleanup.
 *
 * The walk goes through a workspace's conversations by id, and through the old messages of each by time: one page a call. Only messages that no
 * counter counts can be deleted (the condition of conversations_recount, store/conversations.c, negated); of the others it says so. Messages of
 * a conversation that is being merged into another are left until they are there. */
#ifndef STORE_CLEANUP_RETENTION_H
#define STORE_CLEANUP_RETENTION_H

#include "base/arena.h"
#include "pg/pg.h"
#include "store/cleanup_accounts.h"

struct retention_workspace {
	int64_t id;
	int64_t cutoff_us; /* older messages go; in whole milliseconds */
};
/* The first workspace from this id on that has a valid setting; only: no other than this one, nil: any. False in *found: there is none. */
int store_retention_workspace(struct pg *pg, int64_t from_id, const struct uuid *only, struct retention_workspace *out,
	bool *found, struct err *err) ERR_MUST_USE;
/* How many workspaces have a setting that is none: of another type, no whole number, or out of range. It counts as absent. */
int store_retention_invalid(struct pg *pg, int64_t *n, struct err *err) ERR_MUST_USE;

/* The walk continues with what comes after this message; message_id 0: with the first of this conversation, or the next one there is. */
struct retention_place {
	int64_t conversation_id, sent_us, message_id;
};
/* A message, or a conversation without a further old one (message_id 0). */
struct retention_row {
	struct retention_place at;
	bool unread; /* a counter counts it */
};
/* The next n rows, into the arena; fewer: the workspace has no more. */
int store_retention_find(struct pg *pg, const struct retention_workspace *w, const struct retention_place *after,
	int64_t n, struct arena *a, struct retention_row **rows, size_t *n_rows, struct err *err) ERR_MUST_USE;
/* Locks those of the rows that are messages, old, where they were found, counted by nothing and not locked by another transaction; their ids,
 * into the arena. */
int store_retention_lock(struct pg *pg, const struct retention_workspace *w, const struct retention_row *rows, size_t n,
	struct arena *a, int64_t **ids, size_t *n_ids, struct err *err) ERR_MUST_USE;

/* A conversation with what an event about it says of its account: workspace, uuid, provider, bridge. */
struct retention_conversation {
	struct uuid uuid;
	struct cleanup_account account;
};
int store_retention_conversations(struct pg *pg, int64_t workspace_id, const int64_t *ids, size_t n,
	void (*each)(void *ctx, const struct retention_conversation *c), void *ctx, struct err *err) ERR_MUST_USE;

#endif
