/* Messages with their receipts, reactions and media. */
#ifndef STORE_MESSAGES_H
#define STORE_MESSAGES_H

#include "base/arena.h"
#include "store/rows.h"

/* The first of at least n consecutive ids; *n_out says how many (a multiple of 1,024). */
int store_message_ids_draw(struct pg *pg, size_t n, int64_t *first, size_t *n_out, struct err *err) ERR_MUST_USE;
/* Starts to insert rows (with ids) ON CONFLICT DO NOTHING on (workspace, account, key, conversation), by which they
 * must be distinct; store_messages_inserted() waits for it and says which are new. */
int store_messages_insert(struct pg *pg, const struct message_row *const *rows, size_t n, struct err *err) ERR_MUST_USE;
int store_messages_inserted(struct pg *pg, const struct message_row *const *rows, size_t n, bool *inserted,
	struct err *err) ERR_MUST_USE;
/* The stored message of (workspace, account, key, conversation), passed to each with the index of the key that found
 * it; where there is none, or conversation_id is 0, up to two of the account's others of that key. Without content a
 * row's metadata is absent, unless the message has failed: the next status takes its error away. ERR_INPUT "too_large"
 * when more than 64 MiB of metadata are read, which bounds what a batch that changes large messages can cost. */
struct message_key {
	int64_t workspace_id, account_id;
	struct str key;
	int64_t conversation_id;
	bool content;
};
int store_messages_find(struct pg *pg, const struct message_key *keys, size_t n, struct arena *a,
	void (*each)(void *ctx, size_t key, const struct message_row *row), void *ctx, struct err *err) ERR_MUST_USE;
/* For items without an id: the key, other than their own, of a stored message at exactly this time in this
 * conversation, or on its way there (store/conversations_merge.h), of the same direction and body; of those at that
 * time 32 are looked at. */
struct message_moment {
	int64_t workspace_id, conversation_id, sent_us;
	enum direction direction;
	struct str key, body;
};
int store_messages_at(struct pg *pg, const struct message_moment *moments, size_t n, struct arena *a,
	void (*each)(void *ctx, size_t moment, struct str key), void *ctx, struct err *err) ERR_MUST_USE;
/* Key and conversation of the message with our own id (workspace, account, client_message_id); ids[i].key holds it. */
int store_messages_by_client_id(struct pg *pg, const struct message_key *ids, size_t n, struct arena *a,
	void (*each)(void *ctx, size_t i, struct str key, int64_t conversation_id), void *ctx,
	struct err *err) ERR_MUST_USE;
/* Started only (pg_start): writes every column but ids, account and conversation as the rows have them; the key may
 * change. Absent metadata stays as it is stored. */
int store_messages(struct pg *pg, const struct message_row *const *rows, size_t n, struct err *err) ERR_MUST_USE;

struct receipt_row {
	int64_t workspace_id, chat_id;
	struct str participant;
	enum message_status status;
	int64_t at_us;
	bool changed; /* out */
	/* The previous holder of the participant's alias: a receipt stored for that holder is not stored again for this
	 * participant. Absent: none. */
	struct str before;
};
/* Forward only, in rank pending < sent < failed < delivered < read < played. Rows must be distinct by (chat,
 * participant). */
int store_receipts(struct pg *pg, struct receipt_row *rows, size_t n, struct err *err) ERR_MUST_USE;

struct reaction_row {
	int64_t workspace_id, chat_id;
	struct str sender, emoji; /* emoji empty: withdrawn */
	int64_t at_us;
	bool timed; /* at_us is the source's time: an older one changes nothing. Else the last to arrive wins */
	bool changed; /* out */
	/* The previous holder of the sender's alias: a reaction of that holder at that time or later is not stored
	 * again for this sender. Absent: none. */
	struct str before;
};
/* Rows must be distinct by (chat, sender). The time of a withdrawal stays stored. */
int store_reactions(struct pg *pg, struct reaction_row *rows, size_t n, struct err *err) ERR_MUST_USE;

/* Renames the sender of a reaction or the participant of a receipt: what is stored under `from` is stored under `to`,
 * whose own row is kept where it is newer (a receipt: further). On one message; for all messages see
 * sender_renames.h. */
struct sender_change {
	int64_t workspace_id, chat_id;
	struct str from, to;
};
int store_reactions_rename(struct pg *pg, const struct sender_change *changes, size_t n, struct err *err) ERR_MUST_USE;
int store_receipts_rename(struct pg *pg, const struct sender_change *changes, size_t n, struct err *err) ERR_MUST_USE;

struct media_row {
	int64_t workspace_id, chat_id;
	struct str provider_media_id, mime, sha256, file_name, url;
	int64_t size_bytes; /* 0: unknown */
};
/* Started only (pg_start): inserts, or fills what is still unknown. Rows must be distinct by chat. */
int store_media(struct pg *pg, const struct media_row *rows, size_t n, struct err *err) ERR_MUST_USE;

#endif
