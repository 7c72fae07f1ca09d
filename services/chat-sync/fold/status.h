/* Folds statuses of messages, and receipts of group participants; and a Dispatch whose outcome is unknown, which waits for a status.
 * Invariant: a status moves forward only (rules.h). */
#ifndef CHAT_SYNC_FOLD_STATUS_H
#define CHAT_SYNC_FOLD_STATUS_H

#include "chat-sync/work.h"

void fold_status(struct work *w, struct op *op);
void fold_dispatch(struct work *w, struct op *op);
/* Applies a status to the row, and adds message.status if it moved. The message's metadata must have been read if s says failed. */
void message_fold_status(struct work *w, struct op *op, struct message *m, const struct in_status *s);
/* Whether the row may have the client_message_id that the op names: no other row has it. */
bool message_may_be_own(const struct message *m, const struct op *op);
/* For a receipt that changed a row: adds message.status, unless the message's own status has caused it already. */
void effect_add_receipt(struct work *w, struct op *op);

#endif
