/* The stored messages that a batch names, as copies or as targets: found by key, read with one statement. */
#ifndef CHAT_SYNC_RESOLVE_MESSAGE_SEARCH_H
#define CHAT_SYNC_RESOLVE_MESSAGE_SEARCH_H

#include "chat-sync/work.h"

struct message_search {
	LIST(struct message_key) keys;
};

/* Whether folding the op needs the message's metadata; other updates leave it as it is. */
bool op_needs_content(const struct op *op);
/* Adds a key, once. conversation: the one to look in first; 0: none. */
void message_search_add(struct work *w, struct message_search *s, const struct op *op, struct str key,
	int64_t conversation);
/* Moves the named messages that a pending merge has not moved yet (merging_move_named). */
int named_messages_move(struct work *w, struct err *err) ERR_MUST_USE;
/* Reads the named messages that the batch has not inserted. */
int named_messages_read(struct work *w, struct err *err) ERR_MUST_USE;

#endif
