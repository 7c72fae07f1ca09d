/* The health of accounts: what has happened since their penalty was last computed. Role blazz_cleanup. */
#ifndef STORE_CLEANUP_HEALTH_H
#define STORE_CLEANUP_HEALTH_H

#include "store/cleanup_accounts.h"

/* Counters that only grow; one may be smaller than it was after its row was added anew. */
struct health_counts {
	int64_t disconnects, restores;
	int64_t attempts, failures; /* of sending */
};

struct health_row {
	struct account_key account;
	int64_t score; /* of whatsapp_accounts */
	int64_t penalty_thousandths, elapsed_us; /* the penalty as it was so long ago */
	struct health_counts now, counted; /* counted: that the penalty includes */
};

/* The live accounts whose health may have changed, in *rows of *n; the caller frees them. */
int store_cleanup_health(struct pg *pg, struct health_row **rows, size_t *n, struct err *err) ERR_MUST_USE;
/* Writes score and penalty as of now, with `now` as the counters it includes. An account that another program is writing is left for the
 * next time. */
int store_cleanup_health_put(struct pg *pg, const struct health_row *rows, size_t n, struct err *err) ERR_MUST_USE;

#endif
