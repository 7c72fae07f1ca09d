/* Stored messages that a batch names, as copies or as targets, read with one statement. */
#ifndef CHAT_SYNC_RESOLVE_MESSAGE_SEARCH_H
#define CHAT_SYNC_RESOLVE_MESSAGE_SEARCH_H

#include "chat-sync/work.h"

struct message_search {
	LIST(struct message_key) keys;
};

bool op_needs_content(const struct op *op);
void message_search_add(struct work *w, struct message_search *s, const struct op *op, struct str key,
	int64_t conversation);
int named_messages_move(struct work *w, struct err *err) ERR_MUST_USE;
int named_messages_read(struct work *w, struct err *err) ERR_MUST_USE;

#endif
