/* Contacts: names, opt-outs, changed identities. */
#ifndef CHAT_SYNC_FOLD_PEOPLE_H
#define CHAT_SYNC_FOLD_PEOPLE_H

#include "chat-sync/work.h"

void fold_contact(struct work *w, struct op *op);
int fold_identity_change(struct work *w, struct op *op, struct err *err) ERR_MUST_USE;
void fold_opt_out(struct work *w, struct op *op);
void effect_add_opt_out(struct work *w, struct op *op);
/* The events of contacts that the op created or changed. */
void effect_add_people(struct work *w, struct op *op);

#endif
