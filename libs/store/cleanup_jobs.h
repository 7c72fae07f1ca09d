/* The jobs of cleanup: when each ran last and what came of it, and the operator's last request. Role blazz_cleanup writes runs and answers,
 * blazz_admin requests. */
#ifndef STORE_CLEANUP_JOBS_H
#define STORE_CLEANUP_JOBS_H

#include "base/arena.h"
#include "pg/pg.h"

/* A request: to run the job, or with dry_run to say what it would do. Only for one workspace or account unless that id is nil. */
struct job_request {
	int64_t at_us; /* requested_at, which identifies it; PG_NO_TIME: none */
	bool dry_run;
	struct uuid workspace, account;
};

/* Role blazz_cleanup */

struct job_row {
	struct str name;
	int64_t age_ms; /* since the last run began, by PostgreSQL's clock; -1: it did not run */
	bool running; /* that run did not finish */
	struct str cursor; /* how far it got */
	int64_t found, acted, pauses;
	struct job_request request; /* that was not answered yet */
};
/* Strings live during each(). A workspace or account that is no id stands for one that does not exist. */
int store_cleanup_jobs(struct pg *pg, void (*each)(void *ctx, const struct job_row *row), void *ctx,
	struct err *err) ERR_MUST_USE;
/* A run begins, without a cursor. every_ms: until the next run is due. */
int store_cleanup_job_begin(struct pg *pg, const char *name, int64_t every_ms, struct err *err) ERR_MUST_USE;
int store_cleanup_job_finish(struct pg *pg, const char *name, int64_t found, int64_t acted,
	struct err *err) ERR_MUST_USE;
/* A run has got so far; in the transaction of the step that got there. */
struct job_progress {
	struct str cursor;
	int64_t found, acted, pauses; /* since the run began */
};
int store_cleanup_job_progress(struct pg *pg, const char *name, const struct job_progress *p,
	struct err *err) ERR_MUST_USE;
/* The run pauses, for this reason (a word). */
int store_cleanup_job_pause(struct pg *pg, const char *name, int64_t pauses, const char *why,
	struct err *err) ERR_MUST_USE;
/* The run has failed; the next one begins anew. why: at most 1,000 bytes. */
int store_cleanup_job_fail(struct pg *pg, const char *name, const char *why, struct err *err) ERR_MUST_USE;
/* In the transaction of a step. Its statements wait at most 100 ms for a lock, less than deadlock_timeout, so that of two transactions that wait
 * for each other this one gives way. They walk in the order of an index and stop at their limit: sorting what is left of a long walk, which
 * the planner takes for short, would cost each step as much as the whole walk. */
int store_step_begin(struct pg *pg, struct err *err) ERR_MUST_USE;
/* For the rest of the step, of which statements read old messages by time and id: of their order the index has the first part, so that they sort
 * a few rows at a time. */
int store_step_sorts_by_groups(struct pg *pg, struct err *err) ERR_MUST_USE;
/* How far the slowest standby lags behind, in ms; 0: there is none, or it does not say. */
int store_standby_lag(struct pg *pg, int64_t *ms, struct err *err) ERR_MUST_USE;
/* answer: JSON. */
int store_cleanup_job_answer(struct pg *pg, const char *name, int64_t request_us, struct str answer,
	struct err *err) ERR_MUST_USE;

#endif
