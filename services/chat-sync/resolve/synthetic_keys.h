/* Messages whose source gives no id have a key derived from their time and text.
 *
 * Invariant: such a message first matches a message with equal conversation, time, direction and body; it takes that key, and is then a copy.
 * Source: README.md, Messages.
 */
#ifndef CHAT_SYNC_RESOLVE_SYNTHETIC_KEYS_H
#define CHAT_SYNC_RESOLVE_SYNTHETIC_KEYS_H

#include "chat-sync/work.h"

/* For the first n of work.messages, before they are inserted. */
int synthetic_keys_match(struct work *w, size_t n, struct err *err) ERR_MUST_USE;

#endif
