/* One batch of a bridge's initial sync, whatever the dialect: chats in the order they came, then the batch's end.
 *
 * A chat travels as one IN_SYNC_CHAT of at most SYNC_PART_BYTES; a larger one as several, which share its rank. It keeps its
 * newest WIRE_MAX_SYNC_MESSAGES messages, oldest first.
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
	int32_t total; /* 0: not said */
	bool last;
	int32_t chats, rejected;
};

/* One chat on its way in. body: the chat alone in its envelope, for intake_reject(). */
struct sync_item {
	size_t place; /* in the batch, from 0 */
	int64_t time_ms;
	struct in_chat_state state;
	struct in_history_message *messages; /* put in order of time */
	size_t n_messages;
	struct str path;
	struct str (*body)(void *ctx);
	void *body_ctx;
};

/* A message of a body and where it stands there. */
struct sync_choice {
	int64_t time; /* in whatever unit the dialect has */
	size_t place;
	const json *message;
};
/* Chooses the newest WIRE_MAX_SYNC_MESSAGES of a list, newest first, before any is read: the list may be as long as the body.
 * Returns how many. */
size_t sync_newest(const json *list, int64_t (*time_of)(const json *message),
	struct sync_choice out[static WIRE_MAX_SYNC_MESSAGES]);
/* For a batch that names no sync: distinct for each, and the same when it is repeated. */
struct str sync_own_id(struct intake *in, const json *chats);
/* Adds the chat and counts it, as good or as rejected. */
void sync_batch_add(struct sync_batch *b, struct sync_item *item);
/* For a chat that never became an item: already rejected by the caller. */
void sync_batch_rejected(struct sync_batch *b);
/* Adds the IN_SYNC_BATCH_END. */
void sync_batch_end(struct sync_batch *b);

#endif
