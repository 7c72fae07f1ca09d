/* The jobs that work through rows of PostgreSQL: the leader runs each when it is due, and at once when an operator requests it, one step at a
 * time, in turns with everything else that it does:
 *
 *   due ──► begun ──► step: lease, find, act, cursor, commit ──► pause ──► step ... ──► finished, answered
 *                       │ lock timeout, deadlock: rolled back ──► 1 s ──┘
 *                       │ invalid data: rolled back ──► failed, until the next run is due
 *                       └ any other failure: the lease is lost, and the next leader continues at the cursor
 *
 * Steps use at most jobs.duty of the time, and none begins while a standby or chat-sync lags behind. A run that was requested for one workspace,
 * or as a dry run, is done between the steps of the scheduled one, has its cursor in memory, and begins anew with a new leader.
 *
 * Invariant: the cursor commits with the rows that are behind it, and a dry run writes its answer and nothing else. */
#ifndef CLEANUP_ROWS_H
#define CLEANUP_ROWS_H

#include "cleanup/policy/jobs.h"
#include "cleanup/records.h"
#include "cleanup/settings.h"

struct row_env {
	struct pg *pg; /* in a transaction under the lease, with lock_timeout 100 ms */
	const struct record_target *to; /* what the step emits is published when it has committed */
	const struct cleanup_settings *settings;
	struct arena *arena; /* until the step ends */
	struct uuid workspace; /* only rows of this one; nil: all */
	bool dry_run; /* count what would be done, by the same search */
};

struct row_step {
	struct str cursor; /* where the previous step ended; "": the first step */
	int64_t n; /* rows to work on at most */
	/* Out */
	struct str next; /* lives as long as the arena; at most ROW_CURSOR_MAX bytes */
	int64_t found, acted;
	bool done; /* nothing is left behind the cursor; else there is another step */
};
#define ROW_CURSOR_MAX 200

/* One step: finds at most n rows behind the cursor, and acts on them with the condition repeated in the statement that writes. Repeated, it
 * finds nothing. Failures as rows_turn() treats them, above. */
typedef int row_step_fn(const struct row_env *env, struct row_step *step, struct err *err);

struct row_job {
	row_step_fn *step;
	size_t settings; /* offset of its struct job_settings in struct cleanup_settings */
	bool windowed; /* begins and continues by itself within jobs.window only */
};
/* By enum cleanup_job, from ACCOUNT_JOBS on. */
extern const struct row_job row_jobs[CLEANUP_JOBS];

struct rows;

struct rows_options {
	const struct row_job *jobs; /* row_jobs */
	const struct cleanup_settings *settings; /* live */
	/* Whether chat-sync lags behind by more than a job may add to; asked now and then while a job runs. NULL: it never does. */
	int (*chat_sync_lag)(void *ctx, struct pg *pg, bool *lags, struct err *err);
	void *ctx;
};

/* Copies options, borrows what it points to. */
struct rows *rows_new(const struct rows_options *options);
void rows_free(struct rows *r); /* accepts NULL */
/* Reads how far each got, and requests: when this replica begins to lead, and when a request was noticed. */
int rows_load(struct rows *r, struct pg *pg, struct err *err) ERR_MUST_USE;
/* This replica no longer leads. */
void rows_clear(struct rows *r);
/* Whether the ledger of erasures was read to its end: before that the job erasure pauses, as an erasure may be missing. */
void rows_ledger_read(struct rows *r, bool read);
/* At most one step. No transaction is open. to->arena is reset. On failure the caller calls lease_fail(). */
int rows_turn(struct rows *r, const struct record_target *to, struct err *err) ERR_MUST_USE;
/* How long from now until the next step of a run in progress may begin; -1: no run is in progress. */
int64_t rows_wait_ms(const struct rows *r);

#endif
