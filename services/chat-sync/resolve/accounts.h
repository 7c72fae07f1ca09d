/* The accounts that records name; their events are expanded. A record whose account is unknown becomes a dead letter. */
#ifndef CHAT_SYNC_RESOLVE_ACCOUNTS_H
#define CHAT_SYNC_RESOLVE_ACCOUNTS_H

#include "chat-sync/work.h"

/* A callback of store_accounts_load(): keeps the row in the cache. ctx: struct work. */
void account_loaded(void *ctx, const struct account_row *row);
int accounts_resolve(struct work *w, struct batch_item *const *items, size_t n, struct err *err) ERR_MUST_USE;

#endif
