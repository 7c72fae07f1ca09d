/* Which replica leads, of a service that consumes nothing, and the fence of what it writes. Times are PostgreSQL's. */
#ifndef STORE_LEASES_H
#define STORE_LEASES_H

#include "pg/pg.h"

struct lease_row {
	int64_t epoch, seq; /* stamp and order what its holder emits, as those of a partition's progress do */
};

/* Takes the lease for ttl_ms when it is free, expired or this owner's, whose name no other process has; raises its epoch. Waits for an open
 * transaction of the holder before. 1: taken, *out is filled; 0: another holds it. */
int store_lease_acquire(struct pg *pg, const char *name, const char *owner, int64_t ttl_ms, struct lease_row *out,
	struct err *err) ERR_MUST_USE;
/* Extends it from now on. ERR_FENCED when it has expired or is another's. */
int store_lease_renew(struct pg *pg, const char *name, int64_t epoch, int64_t ttl_ms, struct err *err) ERR_MUST_USE;
/* The first statement of each transaction under the lease: locks it and raises seq. ERR_FENCED as above. */
int store_lease_lock(struct pg *pg, const char *name, int64_t epoch, int64_t *seq, struct err *err) ERR_MUST_USE;
/* Gives it back, so that another need not wait for its end. Nothing when it is not ours. */
int store_lease_release(struct pg *pg, const char *name, int64_t epoch, struct err *err) ERR_MUST_USE;

#endif
