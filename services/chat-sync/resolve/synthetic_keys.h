/* Messages whose source gave no id. */
#ifndef CHAT_SYNC_RESOLVE_SYNTHETIC_KEYS_H
#define CHAT_SYNC_RESOLVE_SYNTHETIC_KEYS_H

#include "chat-sync/work.h"

/* Of the first n of work.messages. */
int synthetic_keys_match(struct work *w, size_t n, struct err *err) ERR_MUST_USE;

#endif
