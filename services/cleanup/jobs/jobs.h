/* The jobs, which end accounts by rule (policy/jobs.h): the leader runs each when it is due, and at once when an operator requests it
 * (blazzctl cleanup run). One runs at a time:
 *
 *   due ──► begun in cleanup_jobs ──► decides about all accounts in memory ──► accounts_flush() ──► finished, answered
 *
 * Invariant: a dry run writes its answer and nothing else. */
#ifndef CLEANUP_JOBS_H
#define CLEANUP_JOBS_H

#include "cleanup/accounts/accounts.h"
#include "cleanup/settings.h"

struct jobs;

/* Borrows both; settings may change between calls. */
struct jobs *jobs_new(struct accounts *accounts, const struct cleanup_settings *settings);
void jobs_free(struct jobs *j); /* accepts NULL */
/* Reads when each ran last, and requests: when this replica begins to lead, and when a request was noticed. */
int jobs_load(struct jobs *j, struct pg *pg, struct err *err) ERR_MUST_USE;
/* This replica no longer leads. */
void jobs_clear(struct jobs *j);
/* Begins what is due, or finishes what was flushed. No transaction is open. On failure the caller calls lease_fail(). */
int jobs_turn(struct jobs *j, struct lease *lease, struct err *err) ERR_MUST_USE;

#endif
