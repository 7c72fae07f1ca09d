/* Rows for the messages of a batch, inserted unless they are stored already. */
#ifndef CHAT_SYNC_RESOLVE_NEW_MESSAGES_H
#define CHAT_SYNC_RESOLVE_NEW_MESSAGES_H

#include "chat-sync/work.h"

/* Makes a row for the first op of each key and conversation; returns how many, the first ones of work.messages. */
size_t new_messages_make(struct work *w);
/* Inserts these n; sets inserted of those that were not stored. */
int new_messages_insert(struct work *w, size_t n, struct err *err) ERR_MUST_USE;

#endif
