/* Makes and inserts the rows of new messages. Invariant: of each key in a conversation one row is made, by the first op that names it. */
#ifndef CHAT_SYNC_RESOLVE_NEW_MESSAGES_H
#define CHAT_SYNC_RESOLVE_NEW_MESSAGES_H

#include "chat-sync/work.h"

/* Ops with by_own set make none. Returns the number of rows made; they are the first ones of work.messages. */
size_t new_messages_make(struct work *w);
/* Inserts the first n of work.messages; sets `inserted` of those that were not stored before. */
int new_messages_insert(struct work *w, size_t n, struct err *err) ERR_MUST_USE;

#endif
