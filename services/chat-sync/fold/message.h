/* Messages: new ones, and further copies of stored ones. */
#ifndef CHAT_SYNC_FOLD_MESSAGE_H
#define CHAT_SYNC_FOLD_MESSAGE_H

#include "chat-sync/work.h"

void fold_message(struct work *w, struct op *op);

#endif
