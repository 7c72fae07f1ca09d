/* One batch of a bridge's initial sync, for all dialects: chats in the order of the body, then the batch's end.
 *
 * A chat becomes one IN_SYNC_CHAT of at most SYNC_PART_BYTES; a larger one becomes several with the same rank. Only its
 * newest WIRE_MAX_SYNC_MESSAGES messages are kept, oldest first.
 */
#ifndef INGEST_SYNC_BATCH_H
#define INGEST_SYNC_BATCH_H

#include "ingest/dialects/intake.h"

#define SYNC_MAX_CHATS  50
#define SYNC_PART_BYTES (512 * 1024)

struct sync_batch {
	struct intake *in;
	struct str sync_id;
	int32_t index; /* below INT32_MAX / SYNC_MAX_CHATS */
	int32_t total; /* 0: absent */
	bool last;
	int32_t chats, rejected;
};

/* One chat being read. body: the chat alone in its envelope, for intake_reject(). */
struct sync_item {
	size_t place; /* index in the batch, from 0 */
	int64_t time_ms;
	struct in_chat_state state;
	struct in_history_message *messages; /* sync_batch_add() sorts them by time */
	size_t n_messages;
	struct str path;
	struct str (*body)(void *ctx);
	void *body_ctx;
};

/* A message and its index in the body's list. */
struct sync_choice {
	int64_t time; /* in the dialect's unit */
	size_t place;
	const json *message;
};
/* Selects the newest WIRE_MAX_SYNC_MESSAGES messages of a list, newest first, before any is read: a hostile list may
 * be as long as the body allows. Returns how many. */
size_t sync_newest(const json *list, int64_t (*time_of)(const json *message),
	struct sync_choice out[static WIRE_MAX_SYNC_MESSAGES]);
/* A sync id for a batch without one: derived from its chats, so it is distinct for each batch and the same when it is
 * repeated. */
struct str sync_own_id(struct intake *in, const json *chats);
/* Adds the chat, and counts it as accepted or rejected. */
void sync_batch_add(struct sync_batch *b, struct sync_item *item);
/* Counts a chat that the caller has already rejected. */
void sync_batch_rejected(struct sync_batch *b);
/* Adds the IN_SYNC_BATCH_END. */
void sync_batch_end(struct sync_batch *b);

#endif
