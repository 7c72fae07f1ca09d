/* Folds statuses of messages, and receipts of group participants. Invariant: a status moves forward only (rules.h). */
#ifndef CHAT_SYNC_FOLD_STATUS_H
#define CHAT_SYNC_FOLD_STATUS_H

#include "chat-sync/work.h"

void fold_status(struct work *w, struct op *op);
/* For a receipt that changed a row: adds message.status, unless the message's own status has caused it already. */
void effect_add_receipt(struct work *w, struct op *op);

#endif
