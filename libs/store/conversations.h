/* Conversations: one per account and contact or group, with the counters of the inbox.
 *
 * Like all of libs/store: set-based, a statement for a batch whatever its size, inside the caller's transaction, and
 * every statement names the workspace. Locks are taken in one order everywhere (progress, aliases sorted, contacts by
 * id, groups by jid); PostgreSQL's deadlock detection covers the rest: a deadlock is ERR_RETRY.
 */
#ifndef STORE_CONVERSATIONS_H
#define STORE_CONVERSATIONS_H

#include "base/arena.h"
#include "store/rows.h"

/* Finds by (account, contact or group) where rows[i] has them, or by (workspace, uuid) where contact_id and group_id
 * are 0. rows[i]->id stays 0 when there is none. */
int store_conversations_find(struct pg *pg, struct conversation_row *const *rows, size_t n, struct arena *a,
	struct err *err) ERR_MUST_USE;
/* The conversations of an account with a contact or with contacts that were merged into it, except merged
 * conversations: peers[i] has workspace, account and contact; `each` gets the rows in order of place and id. */
int store_conversations_of_person(struct pg *pg, const struct conversation_row *peers, size_t n, struct arena *a,
	void (*each)(void *ctx, size_t place, const struct conversation_row *row), void *ctx,
	struct err *err) ERR_MUST_USE;
/* All conversations of an account with these contacts, merged ones included, in the arena. n is not 0. */
int store_conversations_of_contacts(struct pg *pg, int64_t workspace_id, int64_t account_id, const int64_t *contacts,
	size_t n, struct arena *a, struct conversation_row **out, size_t *n_out, struct err *err) ERR_MUST_USE;
/* Reads rows by (workspace, id). ERR_FATAL when one does not exist: the id came from a row that refers to it. */
int store_conversations_load(struct pg *pg, struct conversation_row *const *rows, size_t n, struct arena *a,
	struct err *err) ERR_MUST_USE;
/* Inserts those with id 0, from the contact that is neither merged nor erased, FOR KEY SHARE, with their uuid (nil or
 * taken: the database draws one). A row that could not be inserted keeps id 0: the contact was merged or erased
 * meanwhile, so read its alias again.
 * For an existing conversation the whole row is filled instead (safe to repeat). */
int store_conversations_create(struct pg *pg, struct conversation_row *const *rows, size_t n, struct arena *a,
	struct err *err) ERR_MUST_USE;
/* Started only (pg_start): writes sequence, unread, last_*, archived as the rows have them. */
int store_conversations(struct pg *pg, const struct conversation_row *const *rows, size_t n,
	struct err *err) ERR_MUST_USE;
/* Sets rows[i]->unread to the number of inbound, not deleted messages of origin live or sync that are newer than
 * last_read. */
int store_conversations_recount(struct pg *pg, struct conversation_row *const *rows, size_t n,
	struct err *err) ERR_MUST_USE;
/* The time that leaves the newest `count` inbound messages (live or sync, not deleted) up to until_us unread, and those
 * sent at the same moment as the oldest of them: the sent time of the next older inbound one, or one µs before the
 * oldest when there are no more. count 0, or no message at all: until_us. */
struct unread_mark {
	const struct conversation_row *conversation;
	int32_t count;
	int64_t until_us;
	int64_t read_us; /* out */
};
int store_conversations_unread_marks(struct pg *pg, struct unread_mark *marks, size_t n, struct err *err) ERR_MUST_USE;
/* Moves a conversation to another contact (when the winner of a merge has none with this account). */
int store_conversations_give(struct pg *pg, const struct conversation_row *conversation, int64_t contact_id,
	struct err *err) ERR_MUST_USE;

#endif
