/* See groups.h. Invariant: a group exists once per workspace and jid, also when two transactions insert it at once. */
#include "store/groups.h"

#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

#define GROUP_COLUMNS \
	"g.workspace_id, g.id, g.uuid, g.group_jid, g.name, g.name_at, g.description, g.description_at, g.owner_phone," \
	" g.participants, g.participant_log, g.invite_code, g.invite_code_at, g.settings, g.settings_times, g.participants_count, g.group_created_at, g.snapshot_at," \
	" g.deleted_at IS NOT NULL"

static const struct pg_stmt insert = { "groups_insert", PG_UNNAMED,
	"INSERT INTO whatsapp_groups (workspace_id, group_jid, uuid, name, name_at)"
	" SELECT r.workspace_id, r.jid, coalesce(r.uuid, gen_random_uuid()), coalesce(r.name, r.jid), r.name_at"
	" FROM unnest($1::bigint[], $2::text[], $3::uuid[], $4::text[], $5::timestamptz[]) AS r (workspace_id, jid, uuid, name, name_at)"
	" ON CONFLICT (workspace_id, group_jid) DO NOTHING RETURNING workspace_id, group_jid" };

/* Row by row in the order of the arrays, so locks are taken in order of (workspace, jid). */
#define FROM_GROUPS \
	" FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS r (workspace_id, jid, place) CROSS JOIN LATERAL" \
	" (SELECT * FROM whatsapp_groups g WHERE g.workspace_id = r.workspace_id AND g.group_jid = r.jid OFFSET 0"

static const struct pg_stmt find = { "groups_find", PG_UNNAMED, "SELECT r.place, " GROUP_COLUMNS FROM_GROUPS ") AS g" };

static const struct pg_stmt find_locked = { "groups_lock", PG_UNNAMED,
	"SELECT r.place, " GROUP_COLUMNS FROM_GROUPS " FOR UPDATE) AS g" };

static const struct pg_stmt store = { "groups_store", PG_UNNAMED,
	"UPDATE whatsapp_groups AS g SET name = r.name, name_at = r.name_at, description = r.description,"
	" description_at = r.description_at, owner_phone = r.owner_phone, participants = r.participants,"
	" participant_log = r.participant_log, invite_code = r.invite_code,"
	" invite_code_at = r.invite_code_at, settings = r.settings, settings_times = r.settings_times,"
	" participants_count = r.participants_count, group_created_at = r.group_created_at, snapshot_at = r.snapshot_at,"
	" deleted_at = CASE WHEN r.deleted THEN coalesce(g.deleted_at, now()) END, updated_at = now()"
	" FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::timestamptz[], $7::text[], $8::jsonb[],"
	" $9::jsonb[], $10::text[], $11::timestamptz[], $12::jsonb[], $13::jsonb[], $14::integer[], $15::timestamptz[], $16::timestamptz[],"
	" $17::boolean[])"
	" AS r (workspace_id, id, name, name_at, description, description_at, owner_phone, participants, participant_log, invite_code,"
	" invite_code_at, settings, settings_times, participants_count, group_created_at, snapshot_at, deleted)"
	" WHERE g.workspace_id = r.workspace_id AND g.id = r.id" };

const struct pg_stmt *const groups_statements[] = { &insert, &find, &find_locked, &store, NULL };

static void group_read(struct cells *c, struct group_row *row)
{
	row->workspace_id = cells_i64(c);
	row->id = cells_i64(c);
	row->uuid = cells_uuid(c);
	row->jid = cells_text(c);
	row->name = cells_text(c);
	row->name_at_us = cells_time(c);
	row->description = cells_text(c);
	row->description_at_us = cells_time(c);
	row->owner_phone = cells_text(c);
	row->participants = cells_text(c);
	row->participant_log = cells_text(c);
	row->invite_code = cells_text(c);
	row->invite_code_at_us = cells_time(c);
	row->settings = cells_text(c);
	row->settings_times = cells_text(c);
	row->participants_count = cells_i32(c);
	row->group_created_us = cells_time(c);
	row->snapshot_us = cells_time(c);
	row->deleted = cells_bool(c);
}

/* Inserted rows are returned in the order of the arguments. */
static void created_mark(const struct pg_rows *answer, struct group_row *const *rows, bool *created, size_t n)
{
	int at = 0;

	for (size_t i = 0; i < n; i++) {
		created[i] = at < pg_rows_count(answer) && pg_i64(answer, at, 0) == rows[i]->workspace_id &&
			str_eq(pg_text(answer, at, 1), rows[i]->jid);
		at += created[i];
	}
}

static int groups_insert(struct pg *pg, struct group_row *const *rows, bool *created, size_t n, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct columns c;

	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i]->workspace_id);
		columns_text(&c, rows[i]->jid);
		columns_uuid(&c, &rows[i]->uuid);
		columns_text(&c, rows[i]->name);
		columns_time(&c, rows[i]->name_at_us);
	}
	if (columns_run(&c, pg, &insert, &answer, err) < 0)
		return -1;
	created_mark(answer, rows, created, n);
	pg_rows_free(answer);
	return 0;
}

/* Reads those whose lock[i] is `locked`. */
static int groups_read(struct pg *pg, struct group_row *const *rows, const bool *lock, bool locked, size_t n,
	struct arena *a, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct columns c;
	size_t wanted = 0;

	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		if (lock[i] != locked)
			continue;
		columns_row(&c);
		columns_i64(&c, rows[i]->workspace_id);
		columns_text(&c, rows[i]->jid);
		columns_i64(&c, (int64_t)i + 1);
		wanted++;
	}
	if (wanted == 0) {
		columns_fini(&c);
		return 0;
	}
	if (columns_run(&c, pg, locked ? &find_locked : &find, &answer, err) < 0)
		return -1;
	for (struct cells at = cells_of(answer, a); cells_more(&at); cells_next(&at)) {
		size_t i = cells_place(&at, n);

		group_read(&at, rows[i]);
	}
	pg_rows_free(answer);
	return 0;
}

int store_groups_upsert(struct pg *pg, struct group_row *const *rows, const bool *lock, bool *created, size_t n,
	struct arena *a, struct err *err)
{
	if (n == 0)
		return 0;
	if (groups_insert(pg, rows, created, n, err) < 0 || groups_read(pg, rows, lock, true, n, a, err) < 0)
		return -1;
	return groups_read(pg, rows, lock, false, n, a, err);
}

int store_groups(struct pg *pg, const struct group_row *const *rows, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		const struct group_row *r = rows[i];

		columns_row(&c);
		columns_i64(&c, r->workspace_id);
		columns_i64(&c, r->id);
		columns_text(&c, r->name);
		columns_time(&c, r->name_at_us);
		columns_text(&c, r->description);
		columns_time(&c, r->description_at_us);
		columns_text(&c, r->owner_phone);
		columns_jsonb(&c, r->participants);
		columns_jsonb(&c, r->participant_log);
		columns_text(&c, r->invite_code);
		columns_time(&c, r->invite_code_at_us);
		columns_jsonb(&c, r->settings);
		columns_jsonb(&c, r->settings_times);
		columns_i32(&c, r->participants_count);
		columns_time(&c, r->group_created_us);
		columns_time(&c, r->snapshot_us);
		columns_bool(&c, r->deleted);
	}
	return columns_start(&c, pg, &store, err);
}
