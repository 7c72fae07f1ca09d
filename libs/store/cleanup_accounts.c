/* See cleanup_accounts.h. */
#include "store/cleanup_accounts.h"

#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

#define SELECT_ACCOUNTS \
	"SELECT a.workspace_id, a.id, w.uuid, a.uuid, a.provider_type, a.bridge_kind, a.session_id, a.provider_ref, a.phone_number, a.phone_number_id, a.secrets," \
	" CASE WHEN w.deleted_at IS NULL THEN a.desired_state WHEN w.deletion_stage IS NULL THEN 'disconnected' ELSE 'deleted' END, a.desired_at, a.restart_at, a.relink_at, a.move_at," \
	" coalesce(a.move_to, -1), a.status, a.disconnect_reason, a.disconnect_details, a.reported_phone, a.status_since, a.status_at," \
	" a.disconnected_at, a.first_connected_at, a.last_activity_at, a.created_at, a.deleted_at, coalesce(a.assigned_instance_index, -1), coalesce(a.previous_instance_index, -1), c.storage_checked_at, a.assigned_instance_url," \
	" coalesce(c.assignment_epoch, 0), c.observed, c.observed_at, c.action, c.outcome, c.reason, c.error, coalesce(c.attempt, 0), c.next_at," \
	" c.restarted_at, c.relinked_at, c.moved_at, coalesce(c.starts, 0), c.starts_since, c.started_at, c.gone_at," \
	" w.deleted_at IS NOT NULL"
#define JOINED \
	" JOIN workspaces w ON w.id = a.workspace_id" \
	" LEFT JOIN account_control c ON (c.workspace_id, c.account_id) = (a.workspace_id, a.id)"

static const struct pg_stmt all = { "cleanup_accounts", PG_UNNAMED,
	SELECT_ACCOUNTS
	" FROM whatsapp_accounts a" JOINED
	" WHERE a.deleted_at IS NULL OR (c.gone_at IS NULL AND (a.assigned_instance_index IS NOT NULL OR a.deleted_at > now() - interval '7 days'))"
	" OR (a.desired_state = 'connected' AND a.desired_at > a.deleted_at) ORDER BY a.workspace_id, a.id" };

static const struct pg_stmt some = {
	"cleanup_accounts_of", PG_UNNAMED,
	SELECT_ACCOUNTS
	" FROM (SELECT DISTINCT uuid FROM unnest($1::uuid[]) AS r (uuid)) AS r JOIN whatsapp_accounts a ON a.uuid = r.uuid" JOINED
};

/* Not of an account whose row was deleted with its workspace. */
static const struct pg_stmt controls = { "cleanup_controls", PG_UNNAMED,
	"INSERT INTO account_control AS c (workspace_id, account_id, observed, observed_at, action, outcome, reason, error, attempt, next_at,"
	" restarted_at, relinked_at, moved_at, starts, starts_since, started_at, gone_at)"
	" SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[],"
	" $9::bigint[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::bigint[], $15::timestamptz[],"
	" $16::timestamptz[], $17::timestamptz[]) AS r (workspace_id, account_id)"
	" WHERE EXISTS (SELECT FROM whatsapp_accounts a WHERE a.workspace_id = r.workspace_id AND a.id = r.account_id OFFSET 0)"
	" ON CONFLICT (workspace_id, account_id) DO UPDATE SET (observed, observed_at, action, outcome, reason, error, attempt, next_at,"
	" restarted_at, relinked_at, moved_at, starts, starts_since, started_at, gone_at) = (excluded.observed, excluded.observed_at, excluded.action,"
	" excluded.outcome, excluded.reason, excluded.error, excluded.attempt, excluded.next_at, excluded.restarted_at, excluded.relinked_at,"
	" excluded.moved_at, excluded.starts, excluded.starts_since, excluded.started_at, excluded.gone_at)" };

/* An account with a URL but no index is adopted by the instance of that URL only. */
static const struct pg_stmt assign = {
	"cleanup_assign", PG_PREPARED,
	"WITH i AS (SELECT index, url FROM instances WHERE index = $4::bigint AND removed_at IS NULL FOR SHARE),"
	" moved AS (UPDATE whatsapp_accounts a SET assigned_instance_index = i.index, assigned_instance_url = i.url, updated_at = now(),"
	" previous_instance_index = CASE WHEN $5::boolean THEN a.assigned_instance_index ELSE a.previous_instance_index END,"
	" instance_migration_count = a.instance_migration_count + $5::boolean::integer,"
	" last_instance_migration_at = CASE WHEN $5::boolean THEN now() ELSE a.last_instance_migration_at END"
	" FROM i WHERE a.workspace_id = $1::bigint AND a.id = $2::bigint AND coalesce(a.assigned_instance_index, -1) = $3::bigint"
	" AND (a.assigned_instance_index IS NOT NULL OR a.assigned_instance_url IS NULL"
	" OR a.assigned_instance_url = i.url) RETURNING a.workspace_id, a.id)"
	" INSERT INTO account_control AS c (workspace_id, account_id, assignment_epoch) SELECT workspace_id, id, 1 FROM moved"
	" ON CONFLICT (workspace_id, account_id) DO UPDATE SET assignment_epoch = c.assignment_epoch + 1 RETURNING c.assignment_epoch"
};

/* But for a session whose name an account that is not managed has at the new URL. */
static const struct pg_stmt follow_urls = { "cleanup_follow_urls", PG_PREPARED,
	"UPDATE whatsapp_accounts a SET assigned_instance_url = i.url, updated_at = now() FROM instances i"
	" WHERE a.assigned_instance_index = i.index AND a.assigned_instance_url IS DISTINCT FROM i.url AND NOT EXISTS (SELECT FROM"
	" whatsapp_accounts b WHERE b.bridge_kind = a.bridge_kind AND b.assigned_instance_url = i.url AND b.provider_ref = a.provider_ref"
	" AND b.deleted_at IS NULL AND a.deleted_at IS NULL)" };

static const struct pg_stmt delete_account = { "cleanup_delete", PG_PREPARED,
	"WITH gone AS (UPDATE whatsapp_accounts SET deleted_at = now(), last_cleanup_at = now(), updated_at = now()"
	" WHERE workspace_id = $1::bigint AND id = $2::bigint AND status = $3::text AND status_since IS NOT DISTINCT FROM $4::timestamptz"
	" AND desired_at = $5::timestamptz AND deleted_at IS NULL RETURNING workspace_id, id, is_primary),"
	" logged AS (INSERT INTO session_cleanup_logs (workspace_id, account_id, cleanup_type, reason, details, executed_by)"
	" SELECT workspace_id, id, $6::text, $7::text, $8::text, 'cleanup' FROM gone)"
	" SELECT is_primary::integer::bigint FROM gone" };

static const struct pg_stmt primary_choose = { "cleanup_primary", PG_PREPARED,
	"SELECT coalesce(account_primary($1::bigint, NULL), 0)" };

static const struct pg_stmt restore = { "cleanup_restore", PG_PREPARED,
	"WITH back AS (UPDATE whatsapp_accounts SET deleted_at = NULL, updated_at = now() WHERE workspace_id = $1::bigint AND id = $2::bigint"
	" AND deleted_at IS NOT NULL AND desired_state = 'connected' AND desired_at = $3::timestamptz RETURNING workspace_id, id),"
	" known AS (UPDATE account_control c SET gone_at = NULL FROM back WHERE (c.workspace_id, c.account_id) = (back.workspace_id, back.id))"
	" SELECT account_primary(workspace_id, NULL) FROM back" };

static const struct pg_stmt count_restore = {
	"cleanup_count_restore", PG_PREPARED,
	"UPDATE whatsapp_accounts SET session_restore_count = session_restore_count + 1 WHERE workspace_id = $1::bigint AND id = $2::bigint"
};

const struct pg_stmt *const cleanup_accounts_statements[] = { &all, &some, &controls, &assign, &follow_urls,
	&delete_account, &primary_choose, &restore, &count_restore, NULL };

static void control_read(struct cells *c, struct account_control *r)
{
	r->epoch = cells_i64(c);
	r->observed = cells_text(c);
	r->observed_us = cells_time(c);
	r->action = cells_text(c);
	r->outcome = cells_text(c);
	r->reason = cells_text(c);
	r->error = cells_text(c);
	r->attempt = cells_i32(c);
	r->next_us = cells_time(c);
	r->restarted_us = cells_time(c);
	r->relinked_us = cells_time(c);
	r->moved_us = cells_time(c);
	r->starts = cells_i32(c);
	r->starts_since_us = cells_time(c);
	r->started_us = cells_time(c);
	r->gone_us = cells_time(c);
}

static void account_read(struct cells *c, struct cleanup_account *a)
{
	a->workspace_id = cells_i64(c);
	a->id = cells_i64(c);
	a->workspace = cells_uuid(c);
	a->uuid = cells_uuid(c);
	a->provider = provider_parse(cells_borrow(c));
	a->bridge = bridge_parse(cells_borrow(c));
	a->session_id = cells_text(c);
	a->provider_ref = cells_text(c);
	a->phone_number = cells_text(c);
	a->phone_number_id = cells_text(c);
	a->secrets = cells_text(c);
	a->desired = cells_text(c);
	a->desired_us = cells_time(c);
	a->restart_us = cells_time(c);
	a->relink_us = cells_time(c);
	a->move_us = cells_time(c);
	a->move_to = cells_i32(c);
	a->status = cells_text(c);
	a->disconnect_reason = cells_text(c);
	a->disconnect_details = cells_text(c);
	a->reported_phone = cells_text(c);
	a->status_since_us = cells_time(c);
	a->status_at_us = cells_time(c);
	a->disconnected_us = cells_time(c);
	a->first_connected_us = cells_time(c);
	a->active_us = cells_time(c);
	a->created_us = cells_time(c);
	a->deleted_us = cells_time(c);
	a->instance_index = cells_i32(c);
	a->previous_index = cells_i32(c);
	a->storage_checked_us = cells_time(c);
	a->instance_url = cells_text(c);
	control_read(c, &a->control);
	a->workspace_deleted = cells_bool(c);
}

static int accounts_read(struct pg_rows *rows, const struct cleanup_account_ops *ops)
{
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct cleanup_account account = { 0 };

		c.arena = ops->arena(ops->ctx);
		account_read(&c, &account);
		ops->each(ops->ctx, &account, c.arena);
	}
	pg_rows_free(rows);
	return 0;
}

int store_cleanup_accounts(struct pg *pg, const struct cleanup_account_ops *ops, struct err *err)
{
	struct pg_rows *rows = NULL;

	return pg_run(pg, &all, NULL, &rows, err) < 0 ? -1 : accounts_read(rows, ops);
}

int store_cleanup_accounts_of(struct pg *pg, const struct uuid *uuids, size_t n, const struct cleanup_account_ops *ops,
	struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_uuid(&c, &uuids[i]);
	}
	return columns_run(&c, pg, &some, &rows, err) < 0 ? -1 : accounts_read(rows, ops);
}

static void control_add(struct columns *c, const struct account_key *key, const struct account_control *r)
{
	columns_row(c);
	columns_i64(c, key->workspace_id);
	columns_i64(c, key->id);
	columns_text(c, r->observed);
	columns_time(c, r->observed_us);
	columns_text(c, r->action);
	columns_text(c, r->outcome);
	columns_text(c, r->reason);
	columns_text(c, r->error);
	columns_i64(c, r->attempt);
	columns_time(c, r->next_us);
	columns_time(c, r->restarted_us);
	columns_time(c, r->relinked_us);
	columns_time(c, r->moved_us);
	columns_i64(c, r->starts);
	columns_time(c, r->starts_since_us);
	columns_time(c, r->started_us);
	columns_time(c, r->gone_us);
}

int store_cleanup_controls(struct pg *pg, const struct account_key *keys, const struct account_control *rows, size_t n,
	struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++)
		control_add(&c, &keys[i], &rows[i]);
	return columns_run(&c, pg, &controls, NULL, err);
}

static struct pg_args *key_args(const struct account_key *key)
{
	struct pg_args *args = pg_args_new();

	pg_arg_i64(args, key->workspace_id);
	pg_arg_i64(args, key->id);
	return args;
}

/* 1: a row was returned, whose first column is *value; 0: none. Frees args. */
static int value_run(struct pg *pg, const struct pg_stmt *stmt, struct pg_args *args, int64_t *value, struct err *err)
{
	struct pg_rows *rows = NULL;
	int rc = pg_run(pg, stmt, args, &rows, err);

	pg_args_free(args);
	if (rc < 0)
		return -1;
	rc = pg_rows_count(rows) > 0;
	if (rc)
		*value = pg_i64(rows, 0, 0);
	pg_rows_free(rows);
	return rc;
}

int store_cleanup_assign(struct pg *pg, const struct account_assignment *as, int64_t *epoch, struct err *err)
{
	struct pg_args *args = key_args(&as->account);

	pg_arg_i64(args, as->from);
	pg_arg_i64(args, as->to);
	pg_arg_bool(args, as->migrated);
	return value_run(pg, &assign, args, epoch, err);
}

int store_cleanup_follow_urls(struct pg *pg, struct err *err)
{
	return pg_run(pg, &follow_urls, NULL, NULL, err);
}

/* Locks the workspace's row, too: first, as other programs do that choose a primary account, so that no two wait for each other. */
static int primary_run(struct pg *pg, const struct account_key *key, int64_t *primary, struct err *err)
{
	struct pg_args *args = pg_args_new();

	pg_arg_i64(args, key->workspace_id);
	return value_run(pg, &primary_choose, args, primary, err);
}

int store_cleanup_delete(struct pg *pg, const struct account_deletion *d, int64_t *primary, struct err *err)
{
	struct pg_args *args;
	int64_t was_primary, chosen = 0;
	int rc;

	if (primary_run(pg, &d->account, &chosen, err) < 0)
		return -1;
	args = key_args(&d->account);
	pg_arg_text(args, d->status);
	pg_arg_time_us(args, d->status_since_us);
	pg_arg_time_us(args, d->desired_us);
	pg_arg_text(args, str_of(d->type));
	pg_arg_text(args, str_of(d->reason));
	pg_arg_text(args, d->details);
	rc = value_run(pg, &delete_account, args, &was_primary, err);
	if (rc <= 0)
		return rc;
	if (primary_run(pg, &d->account, &chosen, err) < 0)
		return -1;
	*primary = was_primary ? chosen : 0;
	return 1;
}

int store_cleanup_restore(struct pg *pg, const struct account_key *account, int64_t desired_us, struct err *err)
{
	struct pg_args *args;
	int64_t primary;

	if (primary_run(pg, account, &primary, err) < 0)
		return -1;
	args = key_args(account);
	pg_arg_time_us(args, desired_us);
	return value_run(pg, &restore, args, &primary, err);
}

int store_cleanup_count_restore(struct pg *pg, const struct account_key *account, struct err *err)
{
	struct pg_args *args = key_args(account);
	int rc = pg_run(pg, &count_restore, args, NULL, err);

	pg_args_free(args);
	return rc;
}
