/* Notices of an account: what its provider says of it, and what chat-sync found. */
#ifndef CHAT_SYNC_NOTICE_H
#define CHAT_SYNC_NOTICE_H

#include "chat-sync/work.h"

/* Adds a notice as of at_us, once per batch and kind: one as new as the one that is stored is not told again. */
void notice_add(struct work *w, struct op *op, struct in_account_notice what, int64_t at_us);

#endif
