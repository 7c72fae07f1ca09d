/* Accounts whose history is to be posted again ("resync" of sync, which chat-sync sets and clears). Role blazz_cleanup. */
#ifndef STORE_CLEANUP_RESYNC_H
#define STORE_CLEANUP_RESYNC_H

#include "store/cleanup_accounts.h"

#define RESYNC_AGAIN_S 21600 /* between two requests for one account */

/* Calls each() with the connected accounts for which it is due: of kind blazz those that were not asked for RESYNC_AGAIN_S, of others those
 * of which that was never said. */
int store_cleanup_resyncs(struct pg *pg, void (*each)(void *ctx, const struct uuid *account), void *ctx,
	struct err *err) ERR_MUST_USE;
/* It was asked for, or said; in_s: due again after so long, of kind blazz. */
int store_cleanup_resynced(struct pg *pg, const struct account_key *account, int64_t in_s,
	struct err *err) ERR_MUST_USE;

#endif
