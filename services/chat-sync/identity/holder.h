/* Previous holders of the aliases that a provider has reassigned, mostly phone numbers.
 *
 * Invariant: an event sent before the reassignment belongs to the previous holder, and so does a repeat of a message stored for that contact.
 */
#ifndef CHAT_SYNC_IDENTITY_HOLDER_H
#define CHAT_SYNC_IDENTITY_HOLDER_H

#include "chat-sync/work.h"

/* Sets alias_reassigned, previous_holder and stored_holder of each person of the batch. */
int previous_holders_read(struct work *w, struct err *err) ERR_MUST_USE;

#endif
