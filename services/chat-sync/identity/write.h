/* The new aliases and contacts of a plan go into the database.
 *
 * Another partition of the workspace may meet the same person at the same moment. Invariant: aliases are inserted in sorted order, and a
 * contact of which another partition inserted one first leaves no alias behind.
 */
#ifndef CHAT_SYNC_IDENTITY_WRITE_H
#define CHAT_SYNC_IDENTITY_WRITE_H

#include "chat-sync/identity/plan.h"

/* 1: written; 0: another partition was first for some, decide again; -1: err. */
int aliases_write(struct work *w, struct plan *plan, struct err *err) ERR_MUST_USE;
int contacts_insert_new(struct work *w, struct plan *plan, struct err *err) ERR_MUST_USE;

#endif
