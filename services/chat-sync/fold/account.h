/* Folds events about an account: sessions, notices, templates. Invariant: a session's status is not replaced by an older report. */
#ifndef CHAT_SYNC_FOLD_ACCOUNT_H
#define CHAT_SYNC_FOLD_ACCOUNT_H

#include "chat-sync/work.h"

void fold_session(struct work *w, struct op *op);
void fold_notice(struct work *w, struct op *op);
void fold_template(struct work *w, struct op *op);

/* For rows that the database has changed. */
void effect_add_notice(struct work *w, const struct notice *n);
void effect_add_template(struct work *w, struct op *op);

#endif
