/* Decides which contact each person of a batch is: the one that has its aliases, a new one, or several that are to be merged. Writes nothing.
 *
 * Invariant: two contacts with different phones are never merged here.
 */
#ifndef CHAT_SYNC_IDENTITY_DECIDE_H
#define CHAT_SYNC_IDENTITY_DECIDE_H

#include "chat-sync/identity/plan.h"

/* Draws ids for new contacts: at most one for each alias of a person that may be created. */
int contact_ids_draw(struct work *w, struct plan *plan, struct err *err) ERR_MUST_USE;
/* Sets p->contact; adds new contacts, new aliases and merges to the plan. */
void person_decide(struct work *w, struct plan *plan, struct person *p);
bool contacts_differ_in_phone(const struct contact *a, const struct contact *b);
/* Adds the notice that one alias belongs to two phone numbers. */
void identity_conflict(struct work *w, struct op *op);

#endif
