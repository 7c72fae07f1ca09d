/* See jobs.h. */
#include "cleanup/jobs/jobs.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/vec.h"
#include "cleanup/accounts/ending.h"
#include "cleanup/jobs/answer.h"
#include "cleanup/policy/jobs.h"
#include "cleanup/stats.h"
#include "phone/phone.h"
#include "store/cleanup_jobs.h"

#define KNOWN_MS 60000 /* a new leader waits for looks at most so long */
#define NEVER_MS INT64_MIN

struct job_state {
	int64_t begun_mono_ms; /* NEVER_MS: not yet, or it did not finish */
	struct job_request request;
};

struct jobs {
	struct accounts *accounts;
	const struct cleanup_settings *settings;
	struct job_state of[ACCOUNT_JOBS];
	int64_t loaded_mono_ms;
	/* The run */
	bool running;
	enum cleanup_job job;
	struct job_request request; /* that it is for; at_us PG_NO_TIME: none */
	int64_t begun_mono_ms, found, ended_before;
	struct buf answer; /* JSON, of a request */
};

struct jobs *jobs_new(struct accounts *accounts, const struct cleanup_settings *settings)
{
	struct jobs *j = mem_calloc(1, sizeof(*j));

	j->accounts = accounts;
	j->settings = settings;
	jobs_clear(j);
	return j;
}

void jobs_free(struct jobs *j)
{
	if (!j)
		return;
	buf_fini(&j->answer);
	free(j);
}

void jobs_clear(struct jobs *j)
{
	j->running = false;
	j->loaded_mono_ms = NEVER_MS;
}

static const struct job_settings *settings_of(const struct jobs *j, enum cleanup_job job)
{
	switch (job) {
	case JOB_STALE_QR:
		return &j->settings->stale_qr;
	case JOB_DISCONNECTED:
		return &j->settings->disconnected;
	case JOB_DUPLICATES:
	case JOB_RETENTION:
	case JOB_RECOUNT:
	case JOB_ORPHANS:
	case JOB_MAINTENANCE:
	case JOB_BACKFILL:
	case JOB_ERASURE:
	case JOB_WORKSPACES:
	case CLEANUP_JOBS:
		break;
	}
	return &j->settings->duplicates;
}

static void on_job(void *ctx, const struct job_row *row)
{
	struct jobs *j = ctx;

	for (enum cleanup_job job = 0; job < ACCOUNT_JOBS; job++)
		if (str_is(row->name, cleanup_job_word(job)))
			j->of[job] = (struct job_state){
				.begun_mono_ms =
					row->age_ms < 0 || row->running ? NEVER_MS : clock_mono_ms() - row->age_ms,
				.request = row->request,
			};
}

int jobs_load(struct jobs *j, struct pg *pg, struct err *err)
{
	for (enum cleanup_job job = 0; job < ACCOUNT_JOBS; job++)
		j->of[job] = (struct job_state){ .begun_mono_ms = NEVER_MS, .request = { .at_us = PG_NO_TIME } };
	if (store_cleanup_jobs(pg, on_job, j, err) < 0)
		return -1;
	if (j->loaded_mono_ms == NEVER_MS)
		j->loaded_mono_ms = clock_mono_ms();
	return 0;
}

/* One run */

static struct str number_of(const struct account *a, struct arena *arena)
{
	struct str phone = a->row.reported_phone.n > 0 ? a->row.reported_phone : a->row.phone_number;
	struct buf digits = BUF_INIT;
	struct str number;
	char key[24] = "";

	for (size_t i = 0; i < phone.n; i++)
		if (phone.p[i] >= '0' && phone.p[i] <= '9')
			buf_add_char(&digits, phone.p[i]);
	if (digits.n < sizeof(key))
		phone_match_key(buf_str(&digits), key);
	number = arena_str(arena, digits.n < sizeof(key) ? str_of(key) : buf_str(&digits));
	buf_fini(&digits);
	return number;
}

static struct job_account view_of(struct account *a, struct arena *arena)
{
	return (struct job_account){ .workspace_id = a->row.workspace_id,
		.id = a->row.id,
		.managed = account_is_kept_connected(a) && account_is_known(a),
		.connected = account_is_connected(a),
		.status = a->row.status,
		.number = number_of(a, arena),
		.created_us = a->row.created_us,
		.desired_us = a->row.desired_us,
		.status_since_us = a->row.status_since_us,
		.disconnected_us = a->row.disconnected_us,
		.first_connected_us = a->row.first_connected_us,
		.active_us = a->row.active_us,
		.of = a };
}

static bool is_requested(const struct job_request *r, const struct account *a)
{
	return (uuid_is_nil(&r->workspace) || uuid_eq(&r->workspace, &a->row.workspace)) &&
		(uuid_is_nil(&r->account) || uuid_eq(&r->account, &a->row.uuid));
}

static void act(enum cleanup_job job, const struct job_account *j, bool requested)
{
	static const enum account_ending endings[ACCOUNT_JOBS] = { ENDING_STALE_QR, ENDING_DISCONNECTED,
		ENDING_DUPLICATE };
	struct account *a = j->of;

	assert(job < ACCOUNT_JOBS);
	if (j->action == JOB_DELETE)
		account_delete(a, endings[job], requested);
	else if (j->action == JOB_EXPIRE)
		account_expire(a);
	else
		account_notice_duplicate(a);
}

static void decided(struct jobs *j, const struct job_account *one, int64_t now_us)
{
	bool requested = j->request.at_us != PG_NO_TIME, due = one->action != JOB_KEEP && one->at_us <= now_us;

	if (!is_requested(&j->request, one->of))
		return;
	j->found += due;
	if (requested && (due || !uuid_is_nil(&j->request.account)))
		answer_account(&j->answer, one);
	if (due && !j->request.dry_run) {
		(void)failpoint("job_found");
		act(j->job, one, requested);
	}
}

static void accounts_decide(struct jobs *j)
{
	struct arena *arena = arena_new(1 << 14);
	struct job_account *list = NULL;
	size_t n = 0, cap = 0, i = 0;
	struct account *a;
	int64_t now_us = clock_now_us();

	while ((a = accounts_each(j->accounts, &i))) {
		list = vec_grow_in(arena, list, n, &cap, sizeof(*list));
		list[n++] = view_of(a, arena);
	}
	job_decide(j->job, list, n, settings_of(j, j->job)->after_ms * 1000);
	for (size_t k = 0; k < n; k++)
		decided(j, &list[k], now_us);
	arena_free(arena);
}

/* A dry run and one that is restricted do not count as a run of the schedule. */
static bool is_whole(const struct job_request *r)
{
	return !r->dry_run && uuid_is_nil(&r->workspace) && uuid_is_nil(&r->account);
}

static int run_begin(struct jobs *j, enum cleanup_job job, struct lease *lease, struct err *err)
{
	j->request = j->of[job].request;
	if (is_whole(&j->request)) {
		if (lease_begin(lease, err) < 0 ||
			store_cleanup_job_begin(lease_pg(lease), cleanup_job_word(job), settings_of(j, job)->every_ms,
				err) < 0 ||
			lease_commit(lease, err) < 0)
			return -1;
	}
	j->begun_mono_ms = clock_mono_ms();
	j->running = true;
	j->job = job;
	j->found = 0;
	j->ended_before = accounts_ended(j->accounts);
	buf_clear(&j->answer);
	accounts_decide(j);
	return 0;
}

static int run_write(struct jobs *j, struct lease *lease, int64_t ended, struct err *err)
{
	const char *name = cleanup_job_word(j->job);
	struct pg *pg = lease_pg(lease);
	struct buf answer = BUF_INIT;
	int rc = 0;

	if (lease_begin(lease, err) < 0)
		return -1;
	if (is_whole(&j->request))
		rc = store_cleanup_job_finish(pg, name, j->found, ended, err);
	if (rc == 0 && j->request.at_us != PG_NO_TIME) {
		answer_finish(&j->answer, j->found, ended, &answer);
		rc = store_cleanup_job_answer(pg, name, j->request.at_us, buf_str(&answer), err);
	}
	buf_fini(&answer);
	return rc < 0 ? -1 : lease_commit(lease, err);
}

static int run_finish(struct jobs *j, struct lease *lease, struct err *err)
{
	int64_t ended = accounts_ended(j->accounts) - j->ended_before;
	struct job_request *pending = &j->of[j->job].request;

	if (accounts_ending(j->accounts) > 0)
		return 0;
	if (run_write(j, lease, ended, err) < 0)
		return -1;
	j->running = false;
	if (is_whole(&j->request))
		j->of[j->job].begun_mono_ms = j->begun_mono_ms;
	if (pending->at_us == j->request.at_us) /* not another one that has arrived meanwhile */
		*pending = (struct job_request){ .at_us = PG_NO_TIME };
	stats_job(j->job, j->found, ended);
	if (ended > 0)
		log_info("job ended accounts", LOG_S("job", cleanup_job_word(j->job)), LOG_I("accounts", ended));
	return 0;
}

static bool is_due(const struct jobs *j, enum cleanup_job job, int64_t now_mono_ms)
{
	const struct job_settings *s = settings_of(j, job);
	const struct job_state *state = &j->of[job];

	if (state->request.at_us != PG_NO_TIME)
		return true;
	return s->enabled && (state->begun_mono_ms == NEVER_MS || now_mono_ms - state->begun_mono_ms >= s->every_ms);
}

/* ACCOUNT_JOBS: none. */
static enum cleanup_job due_job(const struct jobs *j, int64_t now_mono_ms)
{
	enum cleanup_job job = 0;

	while (job < ACCOUNT_JOBS && !is_due(j, job, now_mono_ms))
		job++;
	return job;
}

/* Turns are frequent while other jobs work through rows: accounts are walked through only when a job is due. */
int jobs_turn(struct jobs *j, struct lease *lease, struct err *err)
{
	int64_t now = clock_mono_ms();
	enum cleanup_job job;

	if (j->running)
		return run_finish(j, lease, err);
	job = due_job(j, now);
	if (job == ACCOUNT_JOBS || accounts_observing_only(j->accounts) ||
		(!accounts_are_known(j->accounts) && now - j->loaded_mono_ms < KNOWN_MS))
		return 0;
	return run_begin(j, job, lease, err);
}
