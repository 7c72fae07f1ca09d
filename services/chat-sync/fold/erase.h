/* Erases a contact and all that were merged into it, a stage at a time. Invariant: after any stage the contact is
 * erased, if it is there, and each may be repeated. Source: README.md, Erasure. */
#ifndef CHAT_SYNC_FOLD_ERASE_H
#define CHAT_SYNC_FOLD_ERASE_H

#include "chat-sync/work.h"

int fold_contact_erase(struct work *w, struct op *op, struct err *err) ERR_MUST_USE;

#endif
