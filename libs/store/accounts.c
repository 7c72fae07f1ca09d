/* See accounts.h. Invariant: only the columns that accounts report are written; the definition and the desired state
 * belong to other writers (db/README.md). */
#include "store/accounts.h"

#include "store/columns.h"
#include "store/private.h"
#include "store/statements.h"

/* A number of the settings, limited to the range of int; a value that is no number counts as not set. */
#define SYNC_NUMBER(name, preset) \
	"CASE jsonb_typeof(w.settings #> '{sync," name "}') WHEN 'number'" \
	" THEN least(greatest((w.settings #>> '{sync," name "}')::numeric, 0), 1000000000)::integer ELSE " preset \
	" END"

#define MAX_CHATS   SYNC_NUMBER("max_chats", "500")
#define WINDOW_DAYS SYNC_NUMBER("window_days", "30")

#define REPORTED_COLUMNS \
	"r (workspace_id, id, status, status_since, status_at, first_connected_at, last_connected_at, disconnected_at, disconnect_reason," \
	" disconnect_details, sync, sent, reported_phone, disconnects)"

/* ORDER BY target: the order of parked_updates_target, the only index that finds the account. */
static const struct pg_stmt load = { "accounts_load", PG_PREPARED,
	"SELECT a.workspace_id, a.id, w.uuid, a.uuid, a.provider_type, a.bridge_kind, a.phone_number, a.business_id,"
	" w.settings ->> 'default_region', w.settings #> '{sync,enabled}' IS DISTINCT FROM 'false',"
	" " MAX_CHATS ", " WINDOW_DAYS ", coalesce(" RETENTION_DAYS ", 0),"
	" a.status, a.status_since, a.status_at, a.first_connected_at, a.last_connected_at, a.disconnected_at, a.disconnect_reason,"
	" a.disconnect_details, a.reported_phone, a.sync,"
	" coalesce((SELECT true FROM parked_updates p WHERE p.workspace_id = a.workspace_id AND p.account_id = a.id"
	" ORDER BY p.target LIMIT 1), false),"
	" a.deleted_at IS NOT NULL OR w.deleted_at IS NOT NULL, w.deletion_stage IS NOT NULL"
	" FROM whatsapp_accounts a JOIN workspaces w ON w.id = a.workspace_id"
	" WHERE a.uuid = ANY ($1::uuid[])" };

static const struct pg_stmt any = { "accounts_any", PG_PREPARED,
	"SELECT 1 WHERE EXISTS (SELECT FROM whatsapp_accounts)" };

static const struct pg_stmt store = { "accounts_store", PG_UNNAMED,
	"UPDATE whatsapp_accounts AS a SET status = r.status, status_since = r.status_since, status_at = r.status_at,"
	" is_active = r.status = 'connected', first_connected_at = r.first_connected_at, last_connected_at = r.last_connected_at, disconnected_at = r.disconnected_at,"
	" disconnect_reason = r.disconnect_reason, disconnect_details = r.disconnect_details,"
	" sync = CASE WHEN r.sync IS NULL THEN a.sync ELSE jsonb_strip_nulls(a.sync || r.sync) END,"
	" reported_phone = r.reported_phone,"
	" disconnect_count = a.disconnect_count + CASE a.desired_state WHEN 'connected' THEN r.disconnects ELSE 0 END,"
	" last_activity_at = CASE WHEN r.sent THEN now() ELSE a.last_activity_at END, updated_at = now()"
	" FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[],"
	" $7::timestamptz[], $8::timestamptz[], $9::text[], $10::text[], $11::jsonb[], $12::boolean[], $13::text[],"
	" $14::integer[]) AS " REPORTED_COLUMNS " WHERE a.workspace_id = r.workspace_id AND a.id = r.id" };

/* A notice has its time, so that a newer one can replace it, and the oldest is dropped when there are too many. */
static const struct pg_stmt notices = { "notices_store", PG_UNNAMED,
	"WITH news AS MATERIALIZED (SELECT r.workspace_id, r.account_id, r.kind, r.place, a.notices -> r.kind AS had,"
	" r.notice || jsonb_build_object('at_us', r.at_us) AS notice"
	" FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::jsonb[], $6::bigint[])"
	" WITH ORDINALITY AS r (workspace_id, account_id, kind, notice, at_us, place)"
	" CROSS JOIN LATERAL (SELECT a.notices FROM whatsapp_accounts a WHERE a.workspace_id = r.workspace_id AND a.id = r.account_id"
	" OFFSET 0) AS a WHERE r.at_us >= coalesce((a.notices #>> ARRAY[r.kind, 'at_us'])::bigint, r.at_us)),"
	" put AS (UPDATE whatsapp_accounts a SET notices = (SELECT jsonb_object_agg(k.key, k.value) FROM"
	" (SELECT e.key, e.value FROM jsonb_each(a.notices || n.notices) e ORDER BY (e.value ->> 'at_us')::bigint DESC, e.key"
	" LIMIT $1::integer) AS k), updated_at = now()"
	" FROM (SELECT workspace_id, account_id, jsonb_object_agg(kind, notice) AS notices FROM news GROUP BY workspace_id, account_id) n"
	" WHERE a.workspace_id = n.workspace_id AND a.id = n.account_id)"
	" SELECT place, had IS DISTINCT FROM notice FROM news" };

const struct pg_stmt *const accounts_statements[] = { &load, &any, &store, &notices, NULL };

static void account_read(struct cells *c, struct account_row *row)
{
	row->workspace_id = cells_i64(c);
	row->id = cells_i64(c);
	row->workspace = cells_uuid(c);
	row->uuid = cells_uuid(c);
	row->provider = provider_parse(cells_borrow(c));
	row->bridge = bridge_parse(cells_borrow(c));
	row->phone_number = cells_text(c);
	row->business_id = cells_text(c);
	region_read(c, row->region);
	row->sync_enabled = cells_bool(c);
	row->sync_max_chats = cells_i32(c);
	row->sync_window_days = cells_i32(c);
	row->retention_days = cells_i32(c);
	row->status = cells_text(c);
	row->status_since_us = cells_time(c);
	row->status_at_us = cells_time(c);
	row->first_connected_us = cells_time(c);
	row->last_connected_us = cells_time(c);
	row->disconnected_us = cells_time(c);
	row->disconnect_reason = cells_text(c);
	row->disconnect_details = cells_text(c);
	row->reported_phone = cells_text(c);
	row->disconnects = 0;
	row->sync = cells_text(c);
	row->sync_patch = STR_NONE;
	row->has_parked = cells_bool(c);
	row->deleted = cells_bool(c);
	row->workspace_goes = cells_bool(c);
	row->sent = false;
}

int store_accounts_load(struct pg *pg, const struct uuid *ids, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct account_row *row), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_uuid(&c, &ids[i]);
	}
	if (columns_run(&c, pg, &load, &rows, err) < 0)
		return -1;
	for (struct cells at = cells_of(rows, a); cells_more(&at); cells_next(&at)) {
		struct account_row row;

		account_read(&at, &row);
		each(ctx, &row);
	}
	pg_rows_free(rows);
	return 0;
}

int store_accounts_any(struct pg *pg, bool *out, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc = pg_run(pg, &any, args, &rows, err);

	pg_args_free(args);
	if (rc < 0)
		return -1;
	*out = pg_rows_count(rows) > 0;
	pg_rows_free(rows);
	return 0;
}

int store_accounts(struct pg *pg, const struct account_row *const *rows, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		const struct account_row *r = rows[i];

		columns_row(&c);
		columns_i64(&c, r->workspace_id);
		columns_i64(&c, r->id);
		columns_text(&c, r->status);
		columns_time(&c, r->status_since_us);
		columns_time(&c, r->status_at_us);
		columns_time(&c, r->first_connected_us);
		columns_time(&c, r->last_connected_us);
		columns_time(&c, r->disconnected_us);
		columns_text(&c, r->disconnect_reason);
		columns_text(&c, r->disconnect_details);
		columns_jsonb(&c, r->sync_patch);
		columns_bool(&c, r->sent);
		columns_text(&c, r->reported_phone);
		columns_i32(&c, r->disconnects);
	}
	return columns_start(&c, pg, &store, err);
}

int store_notices(struct pg *pg, struct notice_row *rows, size_t n, struct err *err)
{
	struct pg_rows *news = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	pg_arg_i32(columns_scalars(&c), NOTICES_KEPT);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_i64(&c, rows[i].account_id);
		columns_text(&c, rows[i].kind);
		columns_jsonb(&c, rows[i].json);
		columns_i64(&c, rows[i].at_us);
	}
	if (columns_run(&c, pg, &notices, &news, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		rows[i].changed = false;
	for (struct cells at = cells_of(news, NULL); cells_more(&at); cells_next(&at)) {
		struct notice_row *row = &rows[cells_place(&at, n)];

		row->changed = cells_bool(&at);
	}
	pg_rows_free(news);
	return 0;
}
