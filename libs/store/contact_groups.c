/* See contact_groups.h. */
#include "store/contact_groups.h"

#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

static const struct pg_stmt add = { "contact_groups_add", PG_PREPARED,
	"INSERT INTO contact_groups (workspace_id, uuid, name) VALUES ($1, $2, $3) RETURNING id" };

static const struct pg_stmt lock = {
	"contact_groups_lock", PG_PREPARED,
	"SELECT id FROM contact_groups WHERE workspace_id = $1 AND uuid = $2 AND deleted_at IS NULL FOR NO KEY UPDATE"
};

static const struct pg_stmt list = {
	"contact_groups_list", PG_PREPARED,
	"SELECT g.id, g.uuid, g.name, g.created_at, (SELECT count(*) FROM contact_group_members m WHERE m.workspace_id = g.workspace_id"
	" AND m.group_id = g.id) FROM contact_groups g WHERE g.workspace_id = $1 AND g.deleted_at IS NULL ORDER BY g.name, g.id"
};

/* xmax is 0 in a row that was inserted, and the number of this transaction in one that ON CONFLICT locked. */
static const struct pg_stmt put = {
	"contact_groups_put", PG_UNNAMED,
	"WITH put AS (INSERT INTO contact_group_members (workspace_id, group_id, address, phone, name, variables)"
	" SELECT DISTINCT ON (r.address) $1::bigint, $2::bigint, r.address, r.phone, r.name, coalesce(r.variables, '{}')"
	" FROM unnest($3::text[], $4::text[], $5::text[], $6::jsonb[]) WITH ORDINALITY AS r (address, phone, name, variables, place)"
	" ORDER BY r.address, r.place DESC ON CONFLICT (workspace_id, group_id, address) DO UPDATE SET phone = excluded.phone,"
	" name = excluded.name, variables = excluded.variables RETURNING xmax = 0 AS new) SELECT count(*) FILTER (WHERE new) FROM put"
};

static const struct pg_stmt members = { "contact_groups_members", PG_PREPARED,
	"SELECT m.address, m.phone, m.name, m.variables FROM contact_group_members m WHERE m.workspace_id = $1 AND m.group_id = $2"
	" AND m.address > $3::text ORDER BY m.address LIMIT $4::integer" };

const struct pg_stmt *const contact_groups_statements[] = { &add, &lock, &list, &put, &members, NULL };

int store_contact_group_add(struct pg *pg, struct contact_group *g, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, g->workspace_id);
	pg_arg_uuid(args, &g->uuid);
	pg_arg_text(args, g->name);
	rc = pg_run(pg, &add, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	g->id = pg_i64(rows, 0, 0);
	pg_rows_free(rows);
	return 0;
}

int store_contact_group_lock(struct pg *pg, int64_t workspace_id, const struct uuid *uuid, int64_t *id, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, workspace_id);
	pg_arg_uuid(args, uuid);
	rc = pg_run(pg, &lock, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	rc = pg_rows_count(rows) > 0;
	if (rc)
		*id = pg_i64(rows, 0, 0);
	pg_rows_free(rows);
	return rc;
}

int store_contact_groups_list(struct pg *pg, int64_t workspace_id,
	void (*each)(void *ctx, const struct contact_group *g), void *ctx, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, workspace_id);
	rc = pg_run(pg, &list, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct contact_group g = { .workspace_id = workspace_id, .id = cells_i64(&c) };

		g.uuid = cells_uuid(&c);
		g.name = cells_borrow(&c);
		g.created_us = cells_time(&c);
		g.members = cells_i64(&c);
		each(ctx, &g);
	}
	pg_rows_free(rows);
	return 0;
}

int store_group_members_put(struct pg *pg, int64_t workspace_id, int64_t group_id, const struct group_member *rows,
	size_t n, int64_t *added, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct columns c;

	if (n == 0) {
		*added = 0;
		return 0;
	}
	columns_init(&c);
	pg_arg_i64(columns_scalars(&c), workspace_id);
	pg_arg_i64(columns_scalars(&c), group_id);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_text(&c, rows[i].address);
		columns_text(&c, rows[i].phone);
		columns_text(&c, rows[i].name);
		columns_jsonb(&c, rows[i].variables);
	}
	if (columns_run(&c, pg, &put, &answer, err) < 0)
		return -1;
	*added = pg_i64(answer, 0, 0);
	pg_rows_free(answer);
	return 0;
}

int store_group_members_list(struct pg *pg, int64_t workspace_id, int64_t group_id, struct str after, int limit,
	void (*each)(void *ctx, const struct group_member *m), void *ctx, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, workspace_id);
	pg_arg_i64(args, group_id);
	pg_arg_text(args, after);
	pg_arg_i32(args, limit);
	rc = pg_run(pg, &members, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct group_member m = { .address = cells_borrow(&c) };

		m.phone = cells_borrow(&c);
		m.name = cells_borrow(&c);
		m.variables = cells_borrow(&c);
		each(ctx, &m);
	}
	pg_rows_free(rows);
	return 0;
}
