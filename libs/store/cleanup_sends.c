/* See cleanup_sends.h. Invariant: a row that belongs to a campaign, or on which campaign-sender still acts, is never deleted. */
#include "store/cleanup_sends.h"

#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

#define ENDED \
	"(s.campaign_id IS NULL AND s.next_attempt_at IS NULL AND s.status <> 'pending'" \
	" AND s.updated_at < now() - $1::bigint * interval '1 millisecond')"

static const struct pg_stmt find = { "ended_sends", PG_UNNAMED,
	"SELECT s.workspace_id, s.id, " ENDED
	", s.created_at >= now() - $1::bigint * interval '1 millisecond' FROM sends s"
	" WHERE (s.workspace_id, s.id) > ($2::bigint, $3::bigint)"
	" AND ($5::uuid IS NULL OR s.workspace_id = (SELECT id FROM workspaces WHERE uuid = $5::uuid))"
	" ORDER BY s.workspace_id, s.id LIMIT $4::bigint" };

static const struct pg_stmt delete = { "ended_sends_delete", PG_UNNAMED,
	"DELETE FROM sends d USING (SELECT s.* FROM unnest($2::bigint[], $3::bigint[]) AS r (workspace_id, id) CROSS JOIN LATERAL"
	" (SELECT s.workspace_id, s.id FROM sends s WHERE s.workspace_id = r.workspace_id AND s.id = r.id AND " ENDED
	" FOR UPDATE SKIP LOCKED) AS s) AS s WHERE d.workspace_id = s.workspace_id AND d.id = s.id" };

const struct pg_stmt *const cleanup_sends_statements[] = { &find, &delete, NULL };

int store_ended_sends(struct pg *pg, const struct sends_scope *scope, const struct send_place *after, int64_t n,
	struct arena *a, struct ended_send **rows, size_t *n_rows, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *answer = NULL;
	size_t i = 0;
	int rc;

	pg_arg_i64(args, scope->after_ms);
	pg_arg_i64(args, after->workspace_id);
	pg_arg_i64(args, after->id);
	pg_arg_i64(args, n);
	pg_arg_uuid(args, uuid_is_nil(&scope->workspace) ? NULL : &scope->workspace);
	rc = pg_run(pg, &find, args, &answer, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	*n_rows = (size_t)pg_rows_count(answer);
	*rows = ARENA_ARRAY(a, struct ended_send, *n_rows);
	for (struct cells c = cells_of(answer, NULL); cells_more(&c); cells_next(&c), i++) {
		struct ended_send *row = &(*rows)[i];

		row->at.workspace_id = cells_i64(&c);
		row->at.id = cells_i64(&c);
		row->ended = cells_bool(&c);
		row->young = cells_bool(&c);
	}
	pg_rows_free(answer);
	return 0;
}

int store_ended_sends_delete(struct pg *pg, const struct sends_scope *scope, const struct ended_send *rows, size_t n,
	int64_t *n_deleted, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct columns c;
	size_t ended = 0;

	columns_init(&c);
	pg_arg_i64(columns_scalars(&c), scope->after_ms);
	for (size_t i = 0; i < n; i++) {
		if (!rows[i].ended)
			continue;
		columns_row(&c);
		columns_i64(&c, rows[i].at.workspace_id);
		columns_i64(&c, rows[i].at.id);
		ended++;
	}
	*n_deleted = 0;
	if (ended == 0) {
		columns_fini(&c);
		return 0;
	}
	if (columns_run(&c, pg, &delete, &answer, err) < 0)
		return -1;
	*n_deleted = pg_rows_affected(answer);
	pg_rows_free(answer);
	return 0;
}
