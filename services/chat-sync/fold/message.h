/* Folds messages: new ones, and copies of stored ones.
 *
 * Invariant: content from history or a sync never replaces live content, except a placeholder. Source: README.md, Messages.
 */
#ifndef CHAT_SYNC_FOLD_MESSAGE_H
#define CHAT_SYNC_FOLD_MESSAGE_H

#include "chat-sync/work.h"

void fold_message(struct work *w, struct op *op);

#endif
