/* Inserts the new aliases and contacts of a plan.
 *
 * Another partition of the workspace may insert the same alias at the same moment. Invariant: aliases are inserted in sorted order, and a new
 * contact that loses one of its aliases to another partition leaves no alias behind.
 */
#ifndef CHAT_SYNC_IDENTITY_WRITE_H
#define CHAT_SYNC_IDENTITY_WRITE_H

#include "chat-sync/identity/plan.h"

/* 1: inserted; 0: another partition inserted some first: the caller decides again; -1: err. */
int aliases_write(struct work *w, struct plan *plan, struct err *err) ERR_MUST_USE;
int contacts_insert_new(struct work *w, struct plan *plan, struct err *err) ERR_MUST_USE;

#endif
