/* Statuses of messages, and receipts of group participants. */
#ifndef CHAT_SYNC_FOLD_STATUS_H
#define CHAT_SYNC_FOLD_STATUS_H

#include "chat-sync/work.h"

void fold_status(struct work *w, struct op *op);
/* Called when the database says that a receipt changed something. */
void effect_add_receipt(struct work *w, struct op *op);

#endif
