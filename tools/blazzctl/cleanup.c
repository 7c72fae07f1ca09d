/* blazzctl cleanup list, run, explain, log: the jobs that end accounts by rule, and those that work through rows. The leader of cleanup runs
 * them; the command writes a request and waits for the answer. */
#include <poll.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl.h"
#include "facts.h"
#include "store/account_wishes.h"
#include "store/cleanup_erasure.h"
#include "store/cleanup_requests.h"
#include "store/definitions.h"
#include "json/json.h"

#define LOOK_MS   100
#define WAIT_MS   70000 /* a new leader takes up to a minute until it knows all sessions */
#define LOG_LIMIT 100

#define JOBS \
	"stale_qr, disconnected, duplicates, retention, recount, orphans, maintenance, backfill, erasure, workspaces"

static const char *const jobs[] = { "stale_qr", "disconnected", "duplicates", NULL }; /* about accounts */
static const char *const row_jobs[] = { "retention", "recount", "orphans", "maintenance", "backfill", "erasure",
	"workspaces", NULL }; /* they take as long as there are rows */

static const char *const list_columns[] = { "job", "result", "started", "finished", "next", "found", "acted", "pauses",
	"paused", "cursor", "requested", "by", "leader", NULL };

static void job_row(void *ctx, const struct job_info *j)
{
	struct table *t = ctx;

	table_text(t, j->name);
	table_text(t, j->result);
	table_time(t, j->started_us);
	table_time(t, j->finished_us);
	table_time(t, j->next_us);
	table_i64(t, j->found);
	table_i64(t, j->acted);
	table_i64(t, j->pauses);
	table_text(t, j->paused);
	table_text(t, j->cursor);
	table_time(t, j->requested_us);
	table_text(t, j->requested_us == PG_NO_TIME ? STR_NONE : j->requested_by);
	table_text(t, j->leader);
}

static int list(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct table *t = table_new(list_columns);
	struct pg *pg;
	int rc = -1;

	(void)options;
	(void)arguments;
	if (ctl_pg_admin(ctl, &pg, err) == 0)
		rc = store_jobs_list(pg, job_row, t, err);
	if (rc == 0)
		table_print(t, ctl->json);
	table_free(t);
	return rc;
}

/* Requests */

static struct str user_name(void)
{
	const struct passwd *user = getpwuid(getuid());

	return user ? str_of(user->pw_name) : STR("blazzctl");
}

static const char *word_find(const char *const *words, const char *word)
{
	for (size_t i = 0; words[i]; i++)
		if (strcmp(words[i], word) == 0)
			return words[i];
	return NULL;
}

/* A job that works through rows may take hours: the request waits as long as there is a leader. */
static int deadline_move(struct pg *pg, const char *job, int64_t *until, struct err *err)
{
	bool leads = false;

	if (!word_find(row_jobs, job))
		return 0;
	if (store_cleanup_has_leader(pg, &leads, err) < 0)
		return -1;
	if (leads)
		*until = clock_mono_ms() + WAIT_MS;
	return 0;
}

/* Until the leader has answered. */
static int follow(struct pg *pg, const char *job, int64_t request_us, struct arena *a, struct str *answer,
	struct err *err)
{
	int64_t until = clock_mono_ms() + WAIT_MS;

	*answer = STR_NONE;
	for (;;) {
		if (store_job_answer(pg, job, request_us, a, answer, err) < 0)
			return -1;
		if (answer->n > 0)
			return 0;
		if (deadline_move(pg, job, &until, err) < 0)
			return -1;
		if (clock_mono_ms() >= until)
			return err_set(err, ERR_RETRY, "no_answer",
				"no leader of cleanup has answered; the request for %s waits for one", job);
		(void)poll(NULL, 0, LOOK_MS);
	}
}

/* A run that failed; frees *answer then. */
static int answer_check(struct json_doc **answer, struct err *err)
{
	struct str why = json_str(json_get(json_root(*answer), "error"));

	if (why.n == 0)
		return 0;
	err_set(err, ERR_INPUT, "failed", "%.*s", STR_ARG(why));
	json_free(*answer);
	*answer = NULL;
	return -1;
}

/* *out is the caller's to free. */
static int job_ask(struct pg *pg, const char *job, struct job_request *r, struct json_doc **out, struct err *err)
{
	struct arena *a = arena_new(4096);
	struct str answer;
	int rc = -1;

	if (store_job_request(pg, job, user_name(), r, err) == 0 && follow(pg, job, r->at_us, a, &answer, err) == 0)
		rc = json_parse(out, answer, err);
	arena_free(a);
	return rc < 0 ? -1 : answer_check(out, err);
}

static void time_cell(struct table *t, const json *at_us)
{
	int64_t us;

	table_time(t, json_to_i64(at_us, &us) ? us : PG_NO_TIME);
}

struct run_options {
	const char *workspace;
	bool dry_run;
};

static const struct option_row run_rows[] = {
	{ "workspace", OPTION_TEXT, offsetof(struct run_options, workspace), "WORKSPACE",
		"only accounts or rows of this workspace, given by its id or name" },
	{ "dry-run", OPTION_FLAG, offsetof(struct run_options, dry_run), NULL, "only say what would be done" },
	{ 0 },
};

static void counts_print(const struct json_doc *answer, bool as_json)
{
	static const char *const columns[] = { "found", "acted", NULL };
	struct table *t = table_new(columns);

	for (size_t i = 0; columns[i]; i++) {
		int64_t n = 0;

		(void)json_to_i64(json_get(json_root(answer), columns[i]), &n);
		table_i64(t, n);
	}
	table_print(t, as_json);
	table_free(t);
}

static void answer_print(const struct json_doc *answer, bool as_json)
{
	static const char *const columns[] = { "workspace", "account", "session_id", "action", "since", NULL };
	struct json_iter it = json_iter(json_get(json_root(answer), "accounts"));
	struct table *t = table_new(columns);
	const json *one;

	while ((one = json_next(&it))) {
		for (size_t i = 0; i < 4; i++)
			table_text(t, json_str(json_get(one, columns[i])));
		time_cell(t, json_get(one, "at_us"));
	}
	table_print(t, as_json);
	table_free(t);
}

static int run(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct run_options *o = options;
	struct job_request r = { .dry_run = o->dry_run };
	const char *rows = word_find(row_jobs, arguments[0]), *job = rows ? rows : word_find(jobs, arguments[0]);
	struct json_doc *answer = NULL;
	int64_t id;
	struct pg *pg;

	if (!job)
		return ctl_usage(err, "%s is no job: " JOBS, arguments[0]);
	if (ctl_pg_admin(ctl, &pg, err) < 0 ||
		(o->workspace && store_workspace_find(pg, str_of(o->workspace), &id, &r.workspace, err) < 0) ||
		job_ask(pg, job, &r, &answer, err) < 0)
		return -1;
	if (rows)
		counts_print(answer, ctl->json);
	else
		answer_print(answer, ctl->json);
	json_free(answer);
	return 0;
}

/* What each job would do with one account, and when. */
static int rules_explain(struct pg *pg, const struct uuid *account, struct table *t, struct err *err)
{
	for (size_t i = 0; jobs[i]; i++) {
		struct job_request r = { .dry_run = true, .account = *account };
		struct json_doc *answer = NULL;
		struct json_iter it;
		const json *one;

		if (job_ask(pg, jobs[i], &r, &answer, err) < 0)
			return -1;
		it = json_iter(json_get(json_root(answer), "accounts"));
		one = json_next(&it);
		table_text(t, str_of(jobs[i]));
		table_text(t, one ? json_str(json_get(one, "action")) : STR_NONE);
		time_cell(t, json_get(one, "at_us"));
		json_free(answer);
	}
	return 0;
}

static struct table *account_table(const struct account_state *a)
{
	struct table *t = facts_new();

	fact_uuid(t, "account", &a->uuid);
	fact_uuid(t, "workspace", &a->workspace);
	fact_text(t, "desired", a->desired);
	fact_time(t, "desired_at", a->desired_us);
	fact_text(t, "status", a->status);
	fact_time(t, "status_since", a->status_since_us);
	fact_time(t, "disconnected_at", a->disconnected_us);
	fact_text(t, "observed", a->observed);
	fact_text(t, "reason", a->reason);
	fact_time(t, "next_at", a->next_us);
	fact_time(t, "deleted_at", a->deleted_us);
	return t;
}

static int account_explain(struct pg *pg, const struct account_state *state, bool as_json, struct err *err)
{
	static const char *const columns[] = { "job", "action", "at", NULL };
	struct table *account = NULL, *rules = table_new(columns);
	int rc = rules_explain(pg, &state->uuid, rules, err);

	if (rc == 0) {
		account = account_table(state);
		tables_print((const struct titled_table[]){ { "account", account }, { "jobs", rules }, { 0 } },
			as_json);
	}
	table_free(account);
	table_free(rules);
	return rc;
}

static struct table *workspace_table(const struct workspace_state *w)
{
	struct table *t = facts_new();

	fact_uuid(t, "workspace", &w->uuid);
	fact_text(t, "name", w->name);
	fact_time(t, "deleted_at", w->deleted_us);
	fact_text(t, "stage", w->stage);
	fact_time(t, "stage_since", w->stage_us);
	fact_i64(t, "sessions", w->sessions);
	return t;
}

/* How many rows of the workspace a job finds. */
static int job_count(struct pg *pg, const char *job, const struct uuid *workspace, struct table *t, struct err *err)
{
	struct job_request r = { .dry_run = true, .workspace = *workspace };
	struct json_doc *answer = NULL;
	int64_t found = 0;

	if (job_ask(pg, job, &r, &answer, err) < 0)
		return -1;
	(void)json_to_i64(json_get(json_root(answer), "found"), &found);
	json_free(answer);
	table_text(t, str_of(job));
	table_i64(t, found);
	return 0;
}

/* How far its deletion is, and what each job finds in it. */
static int workspace_explain(struct pg *pg, const struct workspace_state *w, bool as_json, struct err *err)
{
	static const char *const columns[] = { "job", "found", NULL };
	static const char *const of_workspaces[] = { "retention", "recount", "orphans", "erasure", "workspaces", NULL };
	struct table *workspace, *found = table_new(columns);
	int rc = 0;

	for (size_t i = 0; of_workspaces[i] && rc == 0; i++)
		rc = job_count(pg, of_workspaces[i], &w->uuid, found, err);
	if (rc == 0) {
		workspace = workspace_table(w);
		tables_print((const struct titled_table[]){ { "workspace", workspace }, { "jobs", found }, { 0 } },
			as_json);
		table_free(workspace);
	}
	table_free(found);
	return rc;
}

static void erasure_row(void *ctx, const struct erasure_info *e)
{
	struct table *t = ctx;

	table_text(t, STR("erasure"));
	table_text(t, e->stage);
	table_time(t, e->requested_us);
	table_time(t, e->next_us);
	table_time(t, e->completed_us);
}

/* Only an erasure does anything with one contact. */
static int contact_explain(struct pg *pg, const struct uuid *contact, bool as_json, struct err *err)
{
	static const char *const columns[] = { "job", "stage", "requested", "next", "completed", NULL };
	struct table *t = table_new(columns);
	int rc = store_erasures_list(pg, contact, LOG_LIMIT, erasure_row, t, err);

	if (rc == 0)
		table_print(t, as_json);
	table_free(t);
	return rc;
}

/* An account, else a workspace, else the id of a contact. */
static int explain(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct str name = str_of(arguments[0]);
	struct arena *a = arena_new(4096);
	struct account_state state;
	struct workspace_state workspace;
	struct uuid id;
	struct pg *pg;
	int rc = -1;

	(void)options;
	if (ctl_pg_admin(ctl, &pg, err) < 0)
		goto out;
	if (store_account_state(pg, name, a, &state, err) == 0)
		rc = account_explain(pg, &state, ctl->json, err);
	else if (err->kind == ERR_INPUT && store_workspace_state(pg, name, a, &workspace, err) == 0)
		rc = workspace_explain(pg, &workspace, ctl->json, err);
	else if (strcmp(err->code, "unknown") == 0 && uuid_parse(name, &id))
		rc = contact_explain(pg, &id, ctl->json, err);
	else if (strcmp(err->code, "unknown") == 0)
		(void)err_set(err, ERR_INPUT, "unknown",
			"there is no such account or workspace, and it is no contact's id");
out:
	arena_free(a);
	return rc;
}

/* The log */

static void log_row(void *ctx, const struct cleanup_log_entry *e)
{
	struct table *t = ctx;

	table_time(t, e->executed_us);
	table_uuid(t, &e->workspace);
	table_uuid(t, &e->account);
	table_text(t, e->session_id);
	table_text(t, e->type);
	table_text(t, e->reason);
	table_text(t, e->details);
	table_text(t, e->executed_by);
}

static int log_show(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "at", "workspace", "account", "session_id", "type", "reason", "details",
		"by", NULL };
	struct table *t = table_new(columns);
	struct pg *pg;
	int rc = -1;

	(void)options;
	(void)arguments;
	if (ctl_pg_admin(ctl, &pg, err) == 0)
		rc = store_cleanup_log(pg, LOG_LIMIT, log_row, t, err);
	if (rc == 0)
		table_print(t, ctl->json);
	table_free(t);
	return rc;
}

const struct command cleanup_commands[] = {
	{ "cleanup", "list", NULL, 0, 0, NULL, 0,
		"lists the jobs that ran or are requested: their last run and what came of it; of one that works through rows how far it got, and why it pauses",
		list },
	{ "cleanup", "run", "JOB", 1, 1, run_rows, sizeof(struct run_options),
		"has the leader run a job (" JOBS
		") now, and shows the accounts that it ended, or how many rows it acted on",
		run },
	{ "cleanup", "explain", "ACCOUNT|WORKSPACE|CONTACT", 1, 1, NULL, 0,
		"shows what each job would do with an account, given by its id or session, and when; how many rows of a\n"
		"                                workspace, given by its id or name, each finds; how far the erasures of a contact are",
		explain },
	{ "cleanup", "log", NULL, 0, 0, NULL, 0, "shows the latest accounts that were deleted, and why", log_show },
	{ 0 },
};
