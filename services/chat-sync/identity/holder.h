/* Whose an alias was before the provider said that it changed hands.
 *
 * Invariant: what was sent until then stays the previous holder's, and so does what is stored already as that contact's.
 */
#ifndef CHAT_SYNC_IDENTITY_HOLDER_H
#define CHAT_SYNC_IDENTITY_HOLDER_H

#include "chat-sync/work.h"

/* Sets `former`, `before` and `alias_reassigned` of the people whose aliases had another holder. */
int previous_holders_read(struct work *w, struct err *err) ERR_MUST_USE;

#endif
