/* Accounts: sessions, notices and templates. */
#ifndef CHAT_SYNC_FOLD_ACCOUNT_H
#define CHAT_SYNC_FOLD_ACCOUNT_H

#include "chat-sync/work.h"

void fold_session(struct work *w, struct op *op);
void fold_notice(struct work *w, struct op *op);
void fold_template(struct work *w, struct op *op);

void effect_add_notice(struct work *w, const struct notice *n);
void effect_add_template(struct work *w, struct op *op);

#endif
