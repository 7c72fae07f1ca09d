/* The jobs; and what stale_qr, disconnected and duplicates do with accounts. Pure. Source: README.md, Jobs. */
#ifndef CLEANUP_JOBS_POLICY_H
#define CLEANUP_JOBS_POLICY_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order in which they run. The first decide about accounts in memory, the others work through rows (jobs/rows.h). */
enum cleanup_job {
	JOB_STALE_QR,
	JOB_DISCONNECTED,
	JOB_DUPLICATES,
	ACCOUNT_JOBS,
	JOB_RETENTION = ACCOUNT_JOBS,
	JOB_RECOUNT,
	JOB_ORPHANS,
	JOB_MAINTENANCE,
	JOB_BACKFILL,
	JOB_ERASURE,
	JOB_WORKSPACES,
	CLEANUP_JOBS
};
const char *cleanup_job_word(enum cleanup_job job); /* "stale_qr", "disconnected", "duplicates", "retention" ... */

enum job_action {
	JOB_KEEP,
	JOB_DELETE,
	JOB_EXPIRE, /* report the session lost, as its QR code has expired */
	JOB_NOTIFY, /* publish the notice duplicate_number */
};
const char *job_action_word(enum job_action action); /* "keep", "delete", "expire", "notify" */

/* An account, and what the job does with it. Times are in us since the epoch, PG_NO_TIME for never. */
struct job_account {
	int64_t workspace_id, id;
	bool managed; /* a live account with a session that cleanup manages, desired connected */
	bool connected; /* as reported or as observed */
	struct str status; /* as reported */
	struct str number; /* match key of its phone number; empty: not known */
	int64_t created_us, desired_us, status_since_us, disconnected_us, first_connected_us, active_us;
	void *of; /* the caller's */
	/* The answer */
	enum job_action action; /* is due */
	int64_t at_us; /* the time at which it becomes due when nothing changes before; INT64_MAX: JOB_KEEP */
};

/* job: below ACCOUNT_JOBS. Answers for each account of the list, which is sorted. after_us is the job's limit; time before the account was desired does not count
 * towards it. An action is due once at_us <= the caller's now. */
void job_decide(enum cleanup_job job, struct job_account *list, size_t n, int64_t after_us);

#endif
