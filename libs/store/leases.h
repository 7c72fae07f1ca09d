/* Leases: which replica works, of a service that consumes nothing, and the fence of its writes. Times are
 * PostgreSQL's. */
#ifndef STORE_LEASES_H
#define STORE_LEASES_H

#include "pg/pg.h"

struct lease_row {
	int64_t now_us; /* PostgreSQL's time */
	int64_t epoch, seq; /* stamp and order the holder's outbox rows, as those of a partition's progress do */
};

/* Acquires the lease for ttl_ms when it is free, expired or already held by `owner`, a name that no other process has;
 * raises its epoch. Waits for an open transaction of the previous holder. 1: acquired, *out is filled; 0: another
 * replica holds it. */
int store_lease_acquire(struct pg *pg, const char *name, const char *owner, int64_t ttl_ms, struct lease_row *out,
	struct err *err) ERR_MUST_USE;
/* Renews it for ttl_ms from *now_us, PostgreSQL's time. ERR_FENCED when it has expired or another replica holds it. */
int store_lease_renew(struct pg *pg, const char *name, int64_t epoch, int64_t ttl_ms, int64_t *now_us,
	struct err *err) ERR_MUST_USE;
/* The first statement of each transaction under the lease: locks it and raises seq. ERR_FENCED as above. */
int store_lease_lock(struct pg *pg, const char *name, int64_t epoch, int64_t *seq, struct err *err) ERR_MUST_USE;
/* Releases it, so that another replica need not wait until it expires. No effect under an epoch that does not hold
 * it. */
int store_lease_release(struct pg *pg, const char *name, int64_t epoch, struct err *err) ERR_MUST_USE;

#endif
