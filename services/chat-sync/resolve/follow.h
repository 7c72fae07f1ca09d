/* Merging an account's conversations after their contacts have merged. */
#ifndef CHAT_SYNC_RESOLVE_FOLLOW_H
#define CHAT_SYNC_RESOLVE_FOLLOW_H

#include "chat-sync/work.h"

/* Merges the conversations of the batch's contacts into which others were merged, if this account's identity_change has not arrived yet. */
int merges_follow(struct work *w, struct err *err) ERR_MUST_USE;
/* Merges the conversations of the two contacts of an identity_change. */
int conversations_follow(struct work *w, struct op *op, struct err *err) ERR_MUST_USE;

#endif
