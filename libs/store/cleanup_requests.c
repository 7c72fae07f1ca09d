/* See cleanup_requests.h. */
#include "store/cleanup_requests.h"

#include "store/definitions_private.h"
#include "store/statements.h"
#include "json/writer.h"

static const struct pg_stmt list = {
	"cleanup_jobs_list", PG_PREPARED,
	"SELECT name, result, requested_by, started_at, finished_at, CASE WHEN requested_at IS DISTINCT FROM answered_at THEN requested_at END,"
	" found, acted, pauses, paused, cursor, next_at, (SELECT owner FROM leases WHERE leases.name = 'cleanup' AND until > now()) FROM cleanup_jobs ORDER BY name"
};

static const struct pg_stmt request = { "cleanup_job_request", PG_PREPARED,
	"INSERT INTO cleanup_jobs AS j (name, requested_at, requested_by, request) VALUES ($1, clock_timestamp(), $2, $3::jsonb)"
	" ON CONFLICT (name) DO UPDATE SET requested_at = excluded.requested_at, requested_by = excluded.requested_by, request = excluded.request"
	" WHERE j.requested_at IS NOT DISTINCT FROM j.answered_at OR j.requested_at < clock_timestamp() - interval '1 minute'"
	" RETURNING requested_at" };

static const struct pg_stmt answer = {
	"cleanup_job_answered", PG_PREPARED,
	"SELECT requested_at = $2::timestamptz, CASE WHEN answered_at = $2::timestamptz THEN answer::text END FROM cleanup_jobs WHERE name = $1"
};

static const struct pg_stmt has_leader = { "cleanup_has_leader", PG_PREPARED,
	"SELECT EXISTS (SELECT FROM leases WHERE name = 'cleanup' AND until > now())" };

static const struct pg_stmt latest = { "cleanup_log", PG_PREPARED,
	"SELECT w.uuid, a.uuid, a.session_id, l.cleanup_type, l.reason, l.details, l.executed_by, l.executed_at"
	" FROM (SELECT * FROM session_cleanup_logs ORDER BY executed_at DESC LIMIT $1::bigint) AS l"
	" JOIN whatsapp_accounts a ON (a.workspace_id, a.id) = (l.workspace_id, l.account_id) JOIN workspaces w ON w.id = l.workspace_id"
	" ORDER BY l.executed_at DESC, l.workspace_id, l.id DESC" };

const struct pg_stmt *const cleanup_requests_statements[] = { &list, &request, &answer, &has_leader, &latest, NULL };

int store_jobs_list(struct pg *pg, void (*each)(void *ctx, const struct job_info *j), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (pg_run(pg, &list, NULL, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct job_info j = { .name = cells_borrow(&c) };

		j.result = cells_borrow(&c);
		j.requested_by = cells_borrow(&c);
		j.started_us = cells_time(&c);
		j.finished_us = cells_time(&c);
		j.requested_us = cells_time(&c);
		j.found = cells_i64(&c);
		j.acted = cells_i64(&c);
		j.pauses = cells_i64(&c);
		j.paused = cells_borrow(&c);
		j.cursor = cells_borrow(&c);
		j.next_us = cells_time(&c);
		j.leader = cells_borrow(&c);
		each(ctx, &j);
	}
	pg_rows_free(rows);
	return 0;
}

static void id_member(struct json_writer *w, const char *key, const struct uuid *id)
{
	char text[37];

	uuid_format(id, text);
	jw_member_str(w, key, uuid_is_nil(id) ? STR_NONE : str_of(text));
}

static void request_write(const struct job_request *r, struct buf *out)
{
	struct json_writer w = json_writer(out);

	jw_obj(&w);
	jw_member_bool(&w, "dry_run", r->dry_run);
	id_member(&w, "workspace", &r->workspace);
	id_member(&w, "account", &r->account);
	jw_obj_end(&w);
}

int store_job_request(struct pg *pg, const char *name, struct str by, struct job_request *r, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	struct buf json = BUF_INIT;
	int rc;

	request_write(r, &json);
	pg_arg_text(args, str_of(name));
	pg_arg_text(args, by);
	pg_arg_jsonb(args, buf_str(&json));
	rc = definition_run(pg, &request, args, &rows, err);
	buf_fini(&json);
	if (rc < 0)
		return -1;
	if (pg_rows_count(rows) > 0)
		r->at_us = pg_time_us(rows, 0, 0);
	else
		rc = err_set(err, ERR_INPUT, "pending", "another request for this job waits; try again in a minute");
	pg_rows_free(rows);
	return rc;
}

int store_job_answer(struct pg *pg, const char *name, int64_t request_us, struct arena *a, struct str *out,
	struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	bool ours;

	pg_arg_text(args, str_of(name));
	pg_arg_time_us(args, request_us);
	if (definition_run(pg, &answer, args, &rows, err) < 0)
		return -1;
	ours = pg_rows_count(rows) > 0 && pg_bool(rows, 0, 0);
	if (ours)
		*out = arena_str(a, pg_text(rows, 0, 1));
	pg_rows_free(rows);
	return ours ? 0 : err_set(err, ERR_INPUT, "replaced", "a later request for this job has taken its place");
}

int store_cleanup_has_leader(struct pg *pg, bool *leads, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (definition_run(pg, &has_leader, pg_args_new(), &rows, err) < 0)
		return -1;
	*leads = pg_bool(rows, 0, 0);
	pg_rows_free(rows);
	return 0;
}

int store_cleanup_log(struct pg *pg, int64_t limit, void (*each)(void *ctx, const struct cleanup_log_entry *e),
	void *ctx, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;

	pg_arg_i64(args, limit);
	if (definition_run(pg, &latest, args, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct cleanup_log_entry e = { .workspace = cells_uuid(&c) };

		e.account = cells_uuid(&c);
		e.session_id = cells_borrow(&c);
		e.type = cells_borrow(&c);
		e.reason = cells_borrow(&c);
		e.details = cells_borrow(&c);
		e.executed_by = cells_borrow(&c);
		e.executed_us = cells_time(&c);
		each(ctx, &e);
	}
	pg_rows_free(rows);
	return 0;
}
