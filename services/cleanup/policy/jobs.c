/* See jobs.h. Invariant: nothing is done to an account that is connected or not managed, and no job deletes the only account of a number
 * because of that number. */
#include "cleanup/policy/jobs.h"

#include <stdlib.h>

#define NEVER INT64_MIN /* PG_NO_TIME */

const char *cleanup_job_word(enum cleanup_job job)
{
	static const char *const words[CLEANUP_JOBS] = { "stale_qr", "disconnected", "duplicates", "retention",
		"recount", "orphans", "maintenance", "backfill", "erasure", "workspaces" };

	return words[job];
}

const char *job_action_word(enum job_action action)
{
	static const char *const words[] = { "keep", "delete", "expire", "notify" };

	return words[action];
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static bool is_lost(const struct job_account *a)
{
	return str_is(a->status, "disconnected") || str_is(a->status, "failed");
}

static void answer(struct job_account *a, enum job_action action, int64_t since_us, int64_t after_us)
{
	a->action = action;
	a->at_us = later(since_us, a->desired_us) + after_us;
}

static void stale_qr_decide(struct job_account *a, int64_t after_us)
{
	bool never = a->first_connected_us == NEVER;

	if (str_is(a->status, "qr_scanning") && a->status_since_us != NEVER)
		answer(a, never ? JOB_DELETE : JOB_EXPIRE, a->status_since_us, after_us);
}

static void disconnected_decide(struct job_account *a, int64_t after_us)
{
	if (is_lost(a) && a->disconnected_us != NEVER)
		answer(a, JOB_DELETE, a->disconnected_us, after_us);
}

/* Duplicates */

static bool same_number(const struct job_account *a, const struct job_account *b)
{
	return a->workspace_id == b->workspace_id && a->number.n > 0 && str_eq(a->number, b->number);
}

static int order(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

/* By number; of one number first those that count, and of these first the account that is kept. */
static int by_number(const void *left, const void *right)
{
	const struct job_account *a = left, *b = right;
	int by[] = { order(a->workspace_id, b->workspace_id), str_cmp(a->number, b->number),
		order(b->managed, a->managed), order(b->connected, a->connected), order(b->active_us, a->active_us),
		order(a->created_us, b->created_us), order(a->id, b->id) };

	for (size_t i = 0; i < sizeof(by) / sizeof(by[0]); i++)
		if (by[i] != 0)
			return by[i];
	return 0;
}

/* Accounts of one number that count, the one that is kept first. */
static void number_decide(struct job_account *list, size_t n, int64_t after_us)
{
	bool both = n > 1 && list[1].connected;

	for (size_t i = both ? 0 : 1; i < n; i++) {
		struct job_account *a = &list[i];

		if (both && a->connected)
			answer(a, JOB_NOTIFY, a->desired_us, 0);
		else if (!both)
			answer(a, JOB_DELETE, later(a->created_us, later(a->status_since_us, a->disconnected_us)),
				after_us);
	}
}

static void duplicates_decide(struct job_account *list, size_t n, int64_t after_us)
{
	if (n > 0)
		qsort(list, n, sizeof(*list), by_number);
	for (size_t from = 0, to; from < n; from = to) {
		to = from + 1;
		while (to < n && list[from].managed && list[to].managed && same_number(&list[from], &list[to]))
			to++;
		number_decide(&list[from], to - from, after_us);
	}
}

void job_decide(enum cleanup_job job, struct job_account *list, size_t n, int64_t after_us)
{
	for (size_t i = 0; i < n; i++) {
		list[i].action = JOB_KEEP;
		list[i].at_us = INT64_MAX;
	}
	if (job == JOB_DUPLICATES) {
		duplicates_decide(list, n, after_us);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (!list[i].managed || list[i].connected)
			continue;
		if (job == JOB_STALE_QR)
			stale_qr_decide(&list[i], after_us);
		else
			disconnected_decide(&list[i], after_us);
	}
}
