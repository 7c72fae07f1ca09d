/* Conversations and groups: what a bridge says of a chat, read markers, changes of groups. */
#ifndef CHAT_SYNC_FOLD_CHAT_H
#define CHAT_SYNC_FOLD_CHAT_H

#include "chat-sync/work.h"

void fold_chat_state(struct work *w, struct op *op);
void fold_read_marker(struct work *w, struct op *op);
void fold_group_change(struct work *w, struct op *op);
void fold_group_name(struct work *w, struct op *op);
void fold_unread_mark(struct work *w, struct op *op,
	int64_t read_us); /* where the bridge's unread count puts the marker */
/* Writes the members that the batch changed into the row, and forgets how they were read. */
void group_store_members(struct work *w, struct group *g);
void group_free_members(struct group *g);

#endif
