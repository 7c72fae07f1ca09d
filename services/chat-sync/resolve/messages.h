/* The messages of a batch: inserts new ones, reads stored copies and the targets of updates.
 *
 * Invariant: a message is stored once per account, key and conversation.
 */
#ifndef CHAT_SYNC_RESOLVE_MESSAGES_H
#define CHAT_SYNC_RESOLVE_MESSAGES_H

#include "chat-sync/work.h"

int messages_resolve(struct work *w, struct err *err) ERR_MUST_USE;

#endif
