/* What the job maintenance looks at, and the steps of backfills. Role blazz_cleanup. */
#ifndef STORE_CLEANUP_WATCH_H
#define STORE_CLEANUP_WATCH_H

#include "pg/pg.h"

/* What another program, or PostgreSQL, has stopped doing. */
enum watch_finding {
	WATCH_NO_PARTITION, /* a table partitioned by day has none for tomorrow */
	WATCH_OLD_PARTITION, /* a partition is older than its table keeps them */
	WATCH_RETRIES_KEPT, /* finished rows of webhook_retry_queue are older than it keeps them */
	WATCH_NOT_VACUUMED, /* a table with many dead rows was not vacuumed for 7 days */
	WATCH_FINDINGS,
};
const char *watch_finding_word(enum watch_finding
		f); /* "no_partition", "old_partition", "retries_kept", "not_vacuumed" */

struct watch_limits {
	int64_t partitions_keep_days, retries_keep_ms;
};
/* The name of each relation, which lives during each(). */
int store_watch(struct pg *pg, const struct watch_limits *limits,
	void (*each)(void *ctx, enum watch_finding f, struct str relation), void *ctx, struct err *err) ERR_MUST_USE;

/* One step of the oldest backfill that is not complete: at most n rows. 1: each() was called; 0: all are complete. */
struct backfill_step {
	struct str name; /* of the backfill; lives during each() */
	int64_t rows; /* that were written */
	bool completed;
};
int store_backfill_step(struct pg *pg, int64_t n, void (*each)(void *ctx, const struct backfill_step *s), void *ctx,
	struct err *err) ERR_MUST_USE;
/* How many backfills are not complete. */
int store_backfills_open(struct pg *pg, int64_t *n, struct err *err) ERR_MUST_USE;

#endif
