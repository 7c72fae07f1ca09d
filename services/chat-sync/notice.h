/* Notices of an account: its provider's, and those of chat-sync itself. Invariant: of each kind the newest is stored. */
#ifndef CHAT_SYNC_NOTICE_H
#define CHAT_SYNC_NOTICE_H

#include "chat-sync/work.h"

/* Adds a notice as of at_us; of several of one kind in a batch the newest is stored. It is published when it is newer than the stored one. */
void notice_add(struct work *w, struct op *op, struct in_account_notice what, int64_t at_us);

#endif
