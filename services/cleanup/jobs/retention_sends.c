/* See retention_private.h. The walk goes through sends by workspace and id, and leaves a workspace at the first row that is too young: ids rise
 * with the time at which a row was added. The cursor is "s/workspace/id". */
#include "cleanup/jobs/retention_private.h"

#include <inttypes.h>

#include "cleanup/jobs/cursor.h"
#include "store/cleanup_sends.h"

static struct send_place place_read(struct str cursor)
{
	struct send_place p = { 0 };
	struct str rest = str_slice(cursor, SENDS_CURSOR.n, cursor.n);

	if (!cursor_cut(&rest, &p.workspace_id) || !cursor_cut(&rest, &p.id))
		return (struct send_place){ 0 };
	return p;
}

/* The place behind the page. */
static struct send_place page_end(const struct ended_send *rows, size_t n)
{
	struct send_place p = rows[n - 1].at;

	if (rows[n - 1].young)
		p.id = INT64_MAX;
	return p;
}

int retention_sends_step(const struct row_env *env, struct row_step *step, struct err *err)
{
	struct send_place from = place_read(step->cursor), end;
	const struct sends_scope scope = { .workspace = env->workspace, .after_ms = env->settings->retention_sends_ms };
	struct ended_send *rows;
	size_t n;

	if (store_ended_sends(env->pg, &scope, &from, step->n, env->arena, &rows, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		step->found += rows[i].ended;
	step->next = CAMPAIGNS_CURSOR;
	if ((int64_t)n == step->n) {
		end = page_end(rows, n);
		step->next = arena_printf(env->arena, "%.*s%" PRId64 "/%" PRId64, STR_ARG(SENDS_CURSOR),
			end.workspace_id, end.id);
	}
	return env->dry_run ? 0 : store_ended_sends_delete(env->pg, &scope, rows, n, &step->acted, err);
}
