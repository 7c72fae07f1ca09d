/* See workspaces.h.
 *
 *   deleted ──jobs.workspaces.after──► sessions: accounts are deleted (accounts/), no service writes rows any more
 *                                         │ jobs.workspaces.wait, and every session is gone
 *                                         ▼
 *                                      rows: table by table (store/workspace_rows.h), the workspace last
 *
 * The stage is in workspaces.deletion_stage, so that a run begins with what is left. The cursor is "workspace/table/key/again"; table 0: the
 * search for the next workspace, n: the n-th table; again: the table is walked once more. */
#include "cleanup/jobs/workspaces.h"

#include <inttypes.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "cleanup/jobs/cursor.h"
#include "store/workspace_rows.h"

struct place {
	int64_t workspace_id, table, key, again;
};

/* A cursor of an unknown form begins anew. */
static struct place place_read(struct str cursor)
{
	struct place p = { 0 };

	if (!cursor_cut(&cursor, &p.workspace_id) || !cursor_cut(&cursor, &p.table) || !cursor_cut(&cursor, &p.key) ||
		!cursor_cut(&cursor, &p.again) || p.table < 0 || p.table > (int64_t)workspace_tables_count)
		return (struct place){ 0 };
	return p;
}

static struct str place_write(const struct place *p, struct arena *a)
{
	return arena_printf(a, "%" PRId64 "/%" PRId64 "/%" PRId64 "/%" PRId64, p->workspace_id, p->table, p->key,
		p->again);
}

static struct place next_workspace(const struct place *p)
{
	return (struct place){ .workspace_id = p->workspace_id + 1 };
}

/* The table is done: the same one again, if rows of it were kept because others referred to them, or the next one. */
static struct place next_table(const struct place *p)
{
	if (p->again)
		return (struct place){ p->workspace_id, p->table, 0, 0 };
	if (p->table == (int64_t)workspace_tables_count)
		return next_workspace(p);
	return (struct place){ p->workspace_id, p->table + 1, 0, 0 };
}

static int rows_delete(const struct row_env *env, struct row_step *step, struct place *p, struct err *err)
{
	const struct workspace_table *t = &workspace_tables[p->table - 1];
	struct workspace_page page = { .workspace_id = p->workspace_id, .from = p->key, .limit = step->n };

	(void)failpoint(arena_cstr(env->arena, arena_printf(env->arena, "workspace_%s", t->name)));
	if ((env->dry_run ? store_workspace_rows_find : store_workspace_rows_delete)(env->pg, t, &page, err) < 0)
		return -1;
	step->found += page.n;
	step->acted += page.deleted;
	p->key = page.to + env->dry_run;
	p->again |= t->refers_to_itself && page.deleted > 0;
	if (page.n < page.limit)
		*p = next_table(p);
	return 0;
}

static int stage_begin(const struct row_env *env, struct row_step *step, int64_t id, const char *stage, struct err *err)
{
	int rc;

	step->found++;
	if (env->dry_run)
		return 0;
	rc = store_workspace_stage(env->pg, id, stage, err);
	if (rc > 0) {
		step->acted++;
		log_info("workspace is deleted", LOG_I("workspace_id", id), LOG_S("stage", stage));
	}
	return rc < 0 ? -1 : 0;
}

static int workspace_find(const struct row_env *env, struct row_step *step, struct place *p, struct err *err)
{
	const struct workspace_limits limits = { env->workspace, env->settings->workspaces.after_ms,
		env->settings->workspaces_wait_ms };
	struct workspace_deletion d;
	int rc = store_workspace_deletion(env->pg, p->workspace_id, &limits, &d, err);

	if (rc < 0)
		return -1;
	step->done = rc == 0;
	if (rc == 0)
		return 0;
	*p = (struct place){ .workspace_id = d.id, .table = 1 };
	if (d.rows)
		return 0;
	if (d.begun && d.sessions_gone)
		return stage_begin(env, step, d.id, "rows", err);
	*p = next_workspace(p);
	return d.begun ? 0 : stage_begin(env, step, d.id, "sessions", err);
}

int workspaces_step(const struct row_env *env, struct row_step *step, struct err *err)
{
	struct place p = place_read(step->cursor);
	int rc = p.table == 0 ? workspace_find(env, step, &p, err) : rows_delete(env, step, &p, err);

	if (rc == 0 && !step->done)
		step->next = place_write(&p, env->arena);
	return rc;
}
