/* What operators see and request of cleanup's jobs, and the log of deleted accounts. Role blazz_admin. */
#ifndef STORE_CLEANUP_REQUESTS_H
#define STORE_CLEANUP_REQUESTS_H

#include "store/cleanup_jobs.h"

struct job_info {
	struct str name, result, requested_by; /* result: "running", "done"; absent: it did not run */
	int64_t started_us, finished_us, requested_us; /* requested_us: of a request that waits */
	int64_t found, acted, pauses; /* in the last run */
	struct str paused; /* why it pauses now, a word; absent: it does not */
	struct str cursor; /* how far a run in progress got; "": there is none, or it has just begun */
	int64_t next_us; /* when the next run is due */
	struct str leader; /* the replica that leads; absent: none does now */
};
int store_jobs_list(struct pg *pg, void (*each)(void *ctx, const struct job_info *j), void *ctx,
	struct err *err) ERR_MUST_USE;

/* Requests a run, and sets r->at_us. ERR_INPUT "pending": another request is less than a minute old and waits. */
int store_job_request(struct pg *pg, const char *name, struct str by, struct job_request *r,
	struct err *err) ERR_MUST_USE;
/* Whether a replica of cleanup leads now. */
int store_cleanup_has_leader(struct pg *pg, bool *leads, struct err *err) ERR_MUST_USE;
/* The answer to the request of that time: JSON, copied into the arena; absent while it waits. ERR_INPUT "replaced": a later request has taken
 * its place. */
int store_job_answer(struct pg *pg, const char *name, int64_t request_us, struct arena *a, struct str *out,
	struct err *err) ERR_MUST_USE;

struct cleanup_log_entry {
	struct uuid workspace, account;
	struct str session_id, type, reason, details, executed_by;
	int64_t executed_us;
};
/* The latest, the last first. */
int store_cleanup_log(struct pg *pg, int64_t limit, void (*each)(void *ctx, const struct cleanup_log_entry *e),
	void *ctx, struct err *err) ERR_MUST_USE;

#endif
