/* Finds the accounts of a batch's records, and expands their events into ops.
 *
 * Invariant: a record is applied only to an account of its workspace; others become dead letters.
 */
#ifndef CHAT_SYNC_RESOLVE_ACCOUNTS_H
#define CHAT_SYNC_RESOLVE_ACCOUNTS_H

#include "chat-sync/work.h"

/* Callback of store_accounts_load(), ctx: struct work. Puts the row into the cache. */
void account_loaded(void *ctx, const struct account_row *row);
int accounts_resolve(struct work *w, struct batch_item *const *items, size_t n, struct err *err) ERR_MUST_USE;

#endif
