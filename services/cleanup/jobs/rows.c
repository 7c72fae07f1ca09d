/* See rows.h. */
#include "cleanup/jobs/rows.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "cleanup/jobs/answer.h"
#include "cleanup/jobs/backfill.h"
#include "cleanup/jobs/erasure.h"
#include "cleanup/jobs/maintenance.h"
#include "cleanup/jobs/orphans.h"
#include "cleanup/jobs/recount.h"
#include "cleanup/jobs/retention.h"
#include "cleanup/jobs/workspaces.h"
#include "cleanup/policy/throttle.h"
#include "cleanup/policy/window.h"
#include "cleanup/stats.h"
#include "store/cleanup_jobs.h"

#define NEVER_MS       INT64_MIN
#define LOAD_CHECK_MS  2000 /* between two questions how far standbys and chat-sync lag */
#define STANDBY_LAG_MS 10000
#define WINDOW_WAIT_MS 10000

const struct row_job row_jobs[CLEANUP_JOBS] = {
	[JOB_RETENTION] = { retention_step, offsetof(struct cleanup_settings, retention), true },
	[JOB_RECOUNT] = { recount_step, offsetof(struct cleanup_settings, recount), true },
	[JOB_ORPHANS] = { orphans_step, offsetof(struct cleanup_settings, orphans), true },
	[JOB_MAINTENANCE] = { maintenance_step, offsetof(struct cleanup_settings, maintenance), false },
	[JOB_BACKFILL] = { backfill_step, offsetof(struct cleanup_settings, backfill), false },
	[JOB_ERASURE] = { erasure_step, offsetof(struct cleanup_settings, erasure), false },
	[JOB_WORKSPACES] = { workspaces_step, offsetof(struct cleanup_settings, workspaces), false },
};

/* A run, by schedule or as requested. */
struct row_run {
	bool running;
	struct job_request request; /* at_us PG_NO_TIME: of the schedule */
	struct buf cursor;
	int64_t found, acted, pauses, begun_mono_ms;
};

struct row_state {
	int64_t begun_mono_ms; /* of the last run; NEVER_MS: none yet */
	struct job_request request; /* that was not answered */
	struct row_run whole; /* its cursor is in cleanup_jobs */
	struct row_run
		part; /* a dry run, or one of a workspace; its cursor is here only, and it comes before the other */
	int64_t n; /* of the next step */
	int64_t next_mono_ms; /* not before */
	enum pause_cause paused; /* since the last step */
};

struct rows {
	struct rows_options options;
	struct row_state of[CLEANUP_JOBS];
	bool loaded;
	enum cleanup_job turn; /* the job whose turn it is */
	int64_t next_mono_ms; /* the pause after the last step, of whatever job */
	int64_t check_mono_ms, standby_lag_ms;
	bool chat_sync_lags, ledger_read;
};

struct rows *rows_new(const struct rows_options *options)
{
	struct rows *r = mem_calloc(1, sizeof(*r));

	r->options = *options;
	rows_clear(r);
	return r;
}

void rows_free(struct rows *r)
{
	if (!r)
		return;
	for (enum cleanup_job job = 0; job < CLEANUP_JOBS; job++) {
		buf_fini(&r->of[job].whole.cursor);
		buf_fini(&r->of[job].part.cursor);
	}
	free(r);
}

void rows_clear(struct rows *r)
{
	for (enum cleanup_job job = 0; job < CLEANUP_JOBS; job++) {
		struct row_state *s = &r->of[job];

		s->whole.running = s->part.running = false;
		s->begun_mono_ms = NEVER_MS;
		s->request = (struct job_request){ .at_us = PG_NO_TIME };
		s->n = THROTTLE_MIN;
		s->next_mono_ms = 0;
		s->paused = PAUSE_NONE;
	}
	r->loaded = false;
	r->turn = ACCOUNT_JOBS;
	r->next_mono_ms = r->check_mono_ms = 0;
	r->chat_sync_lags = r->ledger_read = false;
}

void rows_ledger_read(struct rows *r, bool read)
{
	r->ledger_read = read;
}

/* What was read */

static void cursor_set(struct row_run *run, struct str cursor)
{
	buf_clear(&run->cursor);
	buf_add_str(&run->cursor, cursor);
}

/* The run that a former leader did not finish. */
static void whole_resume(struct row_state *s, const struct job_row *row)
{
	s->whole.running = row->running;
	s->whole.request = (struct job_request){ .at_us = PG_NO_TIME };
	s->whole.begun_mono_ms = s->begun_mono_ms;
	s->whole.found = row->found;
	s->whole.acted = row->acted;
	s->whole.pauses = row->pauses;
	cursor_set(&s->whole, row->cursor);
}

static void on_job(void *ctx, const struct job_row *row)
{
	struct rows *r = ctx;

	for (enum cleanup_job job = ACCOUNT_JOBS; job < CLEANUP_JOBS; job++) {
		struct row_state *s = &r->of[job];

		if (!str_is(row->name, cleanup_job_word(job)))
			continue;
		s->request = row->request;
		if (r->loaded)
			continue;
		s->begun_mono_ms = row->age_ms < 0 ? NEVER_MS : clock_mono_ms() - row->age_ms;
		whole_resume(s, row);
	}
}

int rows_load(struct rows *r, struct pg *pg, struct err *err)
{
	if (store_cleanup_jobs(pg, on_job, r, err) < 0)
		return -1;
	r->loaded = true;
	return 0;
}

/* Which run is next */

static const struct job_settings *settings_of(const struct rows *r, enum cleanup_job job)
{
	return (const void *)((const char *)r->options.settings + r->options.jobs[job].settings);
}

/* A dry run and one that is restricted do not count as a run of the schedule. */
static bool is_whole(const struct job_request *q)
{
	return !q->dry_run && uuid_is_nil(&q->workspace) && uuid_is_nil(&q->account);
}

static bool is_due(const struct rows *r, enum cleanup_job job, int64_t now)
{
	const struct job_settings *s = settings_of(r, job);
	int64_t begun = r->of[job].begun_mono_ms;

	return s->enabled && (begun == NEVER_MS || now - begun >= s->every_ms);
}

static bool in_window(const struct rows *r)
{
	struct job_window window = { 0 };
	time_t now = (time_t)(clock_now_ms() / 1000);
	struct tm local;

	(void)job_window_parse(str_of(r->options.settings->jobs_window), &window);
	localtime_r(&now, &local);
	return job_window_is_open(&window, local.tm_hour * 60 + local.tm_min);
}

static struct row_run *run_current(struct row_state *s)
{
	return s->part.running ? &s->part : s->whole.running ? &s->whole : NULL;
}

static void run_set(struct row_run *run, const struct job_request *request, int64_t now)
{
	run->running = true;
	run->request = *request;
	run->begun_mono_ms = now;
	run->found = run->acted = run->pauses = 0;
	buf_clear(&run->cursor);
}

static int whole_begin(struct rows *r, enum cleanup_job job, const struct job_request *request, struct lease *lease,
	struct err *err)
{
	struct row_state *s = &r->of[job];

	if (lease_begin(lease, err) < 0 ||
		store_cleanup_job_begin(lease_pg(lease), cleanup_job_word(job), settings_of(r, job)->every_ms, err) <
			0 ||
		lease_commit(lease, err) < 0)
		return -1;
	run_set(&s->whole, request, clock_mono_ms());
	s->begun_mono_ms = s->whole.begun_mono_ms;
	return 0;
}

/* A request begins at once; one for everything begins the run anew that is in progress. */
static int run_begin(struct rows *r, enum cleanup_job job, struct lease *lease, struct err *err)
{
	static const struct job_request none = { .at_us = PG_NO_TIME };
	struct row_state *s = &r->of[job];
	const struct job_request *q = &s->request;
	int64_t now = clock_mono_ms();

	if (s->part.running && s->part.request.at_us != q->at_us)
		s->part.running = false; /* another request has taken its place */
	if (q->at_us != PG_NO_TIME && is_whole(q))
		return s->whole.running && s->whole.request.at_us == q->at_us ? 0 : whole_begin(r, job, q, lease, err);
	if (q->at_us != PG_NO_TIME) {
		if (!s->part.running)
			run_set(&s->part, q, now);
		return 0;
	}
	if (!s->whole.running && is_due(r, job, now) && (!r->options.jobs[job].windowed || in_window(r)))
		return whole_begin(r, job, &none, lease, err);
	return 0;
}

/* Pauses */

static int pause_note(struct row_state *s, enum cleanup_job job, struct row_run *run, enum pause_cause cause,
	struct lease *lease, struct err *err)
{
	if (s->paused == cause)
		return 0;
	s->paused = cause;
	run->pauses++;
	stats_job_pause(job, cause);
	if (run != &s->whole)
		return 0;
	if (lease_begin(lease, err) < 0 ||
		store_cleanup_job_pause(lease_pg(lease), cleanup_job_word(job), run->pauses, pause_cause_word(cause),
			err) < 0)
		return -1;
	return lease_commit(lease, err);
}

static int loads_check(struct rows *r, struct pg *pg, int64_t now, struct err *err)
{
	if (now < r->check_mono_ms)
		return 0;
	r->check_mono_ms = now + LOAD_CHECK_MS;
	if (store_standby_lag(pg, &r->standby_lag_ms, err) < 0)
		return -1;
	return r->options.chat_sync_lag ? r->options.chat_sync_lag(r->options.ctx, pg, &r->chat_sync_lags, err) : 0;
}

static enum pause_cause cause_of(const struct rows *r, enum cleanup_job job, const struct row_run *run)
{
	if (r->standby_lag_ms > STANDBY_LAG_MS)
		return PAUSE_STANDBY;
	if (r->chat_sync_lags)
		return PAUSE_CHAT_SYNC;
	if (job == JOB_ERASURE && !r->ledger_read)
		return PAUSE_LEDGER;
	if (r->options.jobs[job].windowed && run->request.at_us == PG_NO_TIME && !in_window(r))
		return PAUSE_WINDOW;
	return PAUSE_NONE;
}

/* One step */

static int run_write(const struct row_state *s, enum cleanup_job job, const struct row_run *run,
	const struct row_step *step, struct pg *pg, struct err *err)
{
	const char *name = cleanup_job_word(job);
	int64_t found = run->found + step->found, acted = run->acted + step->acted;
	struct buf answer = BUF_INIT;
	int rc = 0;

	if (run == &s->whole && step->done)
		rc = store_cleanup_job_finish(pg, name, found, acted, err);
	else if (run == &s->whole)
		rc = store_cleanup_job_progress(pg, name,
			&(struct job_progress){ step->next, found, acted, run->pauses }, err);
	if (rc == 0 && step->done && run->request.at_us != PG_NO_TIME) {
		answer_finish(NULL, found, acted, &answer);
		rc = store_cleanup_job_answer(pg, name, run->request.at_us, buf_str(&answer), err);
	}
	buf_fini(&answer);
	return rc;
}

static int step_do(struct rows *r, enum cleanup_job job, const struct row_run *run, const struct record_target *to,
	struct row_step *step, struct err *err)
{
	const struct row_env env = { .pg = lease_pg(to->lease),
		.to = to,
		.settings = r->options.settings,
		.arena = to->arena,
		.workspace = run->request.workspace,
		.dry_run = run->request.dry_run };

	if (!uuid_is_nil(&run->request.account))
		step->done = true; /* these jobs are about rows of no account */
	else if (store_step_begin(env.pg, err) < 0 || r->options.jobs[job].step(&env, step, err) < 0)
		return -1;
	assert(step->done || (step->next.n > 0 && step->next.n <= ROW_CURSOR_MAX));
	if (run_write(&r->of[job], job, run, step, env.pg, err) < 0)
		return -1;
	(void)failpoint("row_step_before_commit");
	return lease_commit(to->lease, err);
}

static void run_finished(struct row_state *s, enum cleanup_job job, struct row_run *run)
{
	run->running = false;
	if (s->request.at_us == run->request.at_us) /* not another one that has arrived meanwhile */
		s->request = (struct job_request){ .at_us = PG_NO_TIME };
	stats_job(job, run->found, run->acted);
	if (run->acted > 0)
		log_info("job finished", LOG_S("job", cleanup_job_word(job)), LOG_I("found", run->found),
			LOG_I("acted", run->acted));
}

static void step_done(struct rows *r, enum cleanup_job job, struct row_run *run, const struct row_step *step,
	int64_t took_us)
{
	struct row_state *s = &r->of[job];

	s->paused = PAUSE_NONE;
	s->n = throttle_next(s->n, took_us);
	r->next_mono_ms = clock_mono_ms() + throttle_pause_ms(took_us, r->options.settings->jobs_duty);
	stats_job_step(job, took_us);
	run->found += step->found;
	run->acted += step->acted;
	cursor_set(run, step->next);
	if (step->done)
		run_finished(s, job, run);
}

/* Invalid data would fail again: the run ends, and the leader has other work. */
static int run_fail(struct rows *r, enum cleanup_job job, struct row_run *run, struct lease *lease,
	const struct err *why, struct err *err)
{
	struct row_state *s = &r->of[job];
	struct buf answer = BUF_INIT;
	int rc = 0;

	log_error("job failed", LOG_S("job", cleanup_job_word(job)), LOG_ERR(why));
	stats_job_failure(job);
	if (lease_begin(lease, err) < 0)
		return -1;
	if (run == &s->whole)
		rc = store_cleanup_job_fail(lease_pg(lease), cleanup_job_word(job), why->msg, err);
	if (rc == 0 && run->request.at_us != PG_NO_TIME) {
		answer_failure(why->msg, &answer);
		rc = store_cleanup_job_answer(lease_pg(lease), cleanup_job_word(job), run->request.at_us,
			buf_str(&answer), err);
	}
	buf_fini(&answer);
	if (rc < 0 || lease_commit(lease, err) < 0)
		return -1;
	run->running = false;
	if (s->request.at_us == run->request.at_us)
		s->request = (struct job_request){ .at_us = PG_NO_TIME };
	return 0;
}

static int step_run(struct rows *r, enum cleanup_job job, struct row_run *run, const struct record_target *to,
	struct err *err)
{
	struct row_state *s = &r->of[job];
	struct row_step step = { .cursor = buf_str(&run->cursor), .n = s->n, .next = STR("") };
	int64_t begun_us = clock_mono_us();
	struct err why;

	arena_reset(to->arena);
	if (lease_begin(to->lease, err) < 0)
		return -1;
	if (step_do(r, job, run, to, &step, &why) == 0) {
		(void)failpoint("row_step_after_commit");
		step_done(r, job, run, &step, clock_mono_us() - begun_us);
		return 0;
	}
	if (!pg_is_lock_error(&why) && !pg_is_data_error(&why)) {
		*err = why;
		return -1;
	}
	lease_rollback(to->lease);
	if (pg_is_data_error(&why))
		return run_fail(r, job, run, to->lease, &why, err);
	s->next_mono_ms = clock_mono_ms() + THROTTLE_LOCK_MS;
	s->paused = PAUSE_NONE; /* each of them counts */
	return pause_note(s, job, run, PAUSE_LOCK, to->lease, err);
}

static int job_turn(struct rows *r, enum cleanup_job job, const struct record_target *to, struct err *err)
{
	struct row_state *s = &r->of[job];
	struct row_run *run = run_current(s);
	enum pause_cause cause = cause_of(r, job, run);

	if (cause == PAUSE_NONE)
		return step_run(r, job, run, to, err);
	s->next_mono_ms = clock_mono_ms() + (cause == PAUSE_WINDOW ? WINDOW_WAIT_MS : LOAD_CHECK_MS);
	return pause_note(s, job, run, cause, to->lease, err);
}

int rows_turn(struct rows *r, const struct record_target *to, struct err *err)
{
	int64_t now = clock_mono_ms();

	for (enum cleanup_job job = ACCOUNT_JOBS; job < CLEANUP_JOBS; job++)
		if (run_begin(r, job, to->lease, err) < 0)
			return -1;
	if (now < r->next_mono_ms)
		return 0;
	for (int i = ACCOUNT_JOBS; i < CLEANUP_JOBS; i++) {
		enum cleanup_job job = r->turn;

		r->turn = job + 1 < CLEANUP_JOBS ? job + 1 : ACCOUNT_JOBS;
		if (!run_current(&r->of[job]) || now < r->of[job].next_mono_ms)
			continue;
		if (loads_check(r, lease_pg(to->lease), now, err) < 0)
			return -1;
		return job_turn(r, job, to, err);
	}
	return 0;
}

int64_t rows_wait_ms(const struct rows *r)
{
	int64_t next = INT64_MAX, now = clock_mono_ms();

	for (enum cleanup_job job = ACCOUNT_JOBS; job < CLEANUP_JOBS; job++) {
		const struct row_state *s = &r->of[job];

		if ((s->part.running || s->whole.running) && s->next_mono_ms < next)
			next = s->next_mono_ms;
	}
	if (next == INT64_MAX)
		return -1;
	if (next < r->next_mono_ms)
		next = r->next_mono_ms;
	return next > now ? next - now : 0;
}
