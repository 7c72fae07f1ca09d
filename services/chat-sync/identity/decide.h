/* Which contact each person of a batch is: one that has its aliases, a new one, or several that are one person. Nothing is written here.
 *
 * Invariant: two contacts with different phones stay two.
 */
#ifndef CHAT_SYNC_IDENTITY_DECIDE_H
#define CHAT_SYNC_IDENTITY_DECIDE_H

#include "chat-sync/identity/plan.h"

/* Draws ids for the contacts that may come to be: at most one for each unknown alias of a person to be created. */
int contact_ids_draw(struct work *w, struct plan *plan, struct err *err) ERR_MUST_USE;
void person_decide(struct work *w, struct plan *plan, struct person *p);
bool contacts_differ_in_phone(const struct contact *a, const struct contact *b);
/* The notice that one identifier has two phone numbers. */
void identity_conflict(struct work *w, struct op *op);

#endif
