/* Folds events about contacts: details, opt-outs, identity changes. */
#ifndef CHAT_SYNC_FOLD_PEOPLE_H
#define CHAT_SYNC_FOLD_PEOPLE_H

#include "chat-sync/work.h"

void fold_contact(struct work *w, struct op *op);
int fold_identity_change(struct work *w, struct op *op, struct err *err) ERR_MUST_USE;
void fold_opt_out(struct work *w, struct op *op);
/* For an opt-out that changed a row: adds contact.updated. */
void effect_add_opt_out(struct work *w, struct op *op);
/* Adds contact.created and contact.updated for contacts that the op's people created or changed, each once per batch. */
void effect_add_people(struct work *w, struct op *op);

#endif
