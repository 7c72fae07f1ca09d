/* What a requested run found, as JSON for the command that requested it. */
#ifndef CLEANUP_JOBS_ANSWER_H
#define CLEANUP_JOBS_ANSWER_H

#include "base/buf.h"
#include "cleanup/policy/jobs.h"

#define ANSWER_MAX_BYTES (1 << 20) /* accounts beyond it are only counted */

/* Appends an account, whose `of` is a struct account, to the list so far. */
void answer_account(struct buf *list, const struct job_account *one);
/* The whole answer: {"found": N, "acted": N, "accounts": [...]}; without a list for a job that works through rows (NULL). */
void answer_finish(const struct buf *list, int64_t found, int64_t acted, struct buf *out);
/* {"error": "why"}: the run has failed. */
void answer_failure(const char *why, struct buf *out);

#endif
