/* See instance_definitions.h. Invariant: an instance that may still run sessions is not removed. */
#include "store/instance_definitions.h"

#include <string.h>

#include "store/definitions_private.h"
#include "store/statements.h"

static const struct pg_stmt insert = {
	"instance_add", PG_PREPARED,
	"INSERT INTO instances (uuid, kind, url, capacity, storage_group, storage_path, secrets)"
	" VALUES ($1::uuid, $2::text, $3::text, $4::bigint, $5::text, coalesce($6::text, ''), $7::bytea) RETURNING index"
};

#define SELECT_INSTANCES(where) \
	"SELECT i.index, i.uuid, i.kind, i.url, i.storage_group, i.storage_path, i.capacity, i.secrets, i.desired, i.state, i.error, i.desired_at," \
	" i.state_since, i.probed_at, i.fenced_at, i.created_at, i.failures, i.sessions, (SELECT count(*) FROM whatsapp_accounts a" \
	" WHERE a.assigned_instance_index = i.index AND a.deleted_at IS NULL) FROM instances i WHERE i.removed_at IS NULL" where

static const struct pg_stmt list = { "instances_list", PG_PREPARED, SELECT_INSTANCES(" ORDER BY i.index") };

static const struct pg_stmt find = { "instance_find", PG_PREPARED, SELECT_INSTANCES(" AND i.index = $1::bigint") };

static const struct pg_stmt lock = { "instance_lock", PG_PREPARED,
	SELECT_INSTANCES(" AND i.index = $1::bigint FOR NO KEY UPDATE OF i") };

static const struct pg_stmt update = { "instance_set", PG_PREPARED,
	"UPDATE instances SET url = $2::text, capacity = $3::bigint, secrets = $4::bytea WHERE index = $1::bigint" };

static const struct pg_stmt desire = { "instance_desire", PG_PREPARED,
	"UPDATE instances SET desired = $2::text, desired_at = clock_timestamp() WHERE index = $1::bigint" };

static const struct pg_stmt removal = { "instance_remove", PG_PREPARED,
	"UPDATE instances SET removed_at = now() WHERE index = $1::bigint" };

/* The kind that most of the URL's accounts have. */
static const struct pg_stmt adopt = { "instances_adopt", PG_PREPARED,
	"INSERT INTO instances (kind, url) SELECT f.bridge_kind, f.url FROM (SELECT DISTINCT ON (a.assigned_instance_url) a.bridge_kind,"
	" a.assigned_instance_url AS url, min(a.created_at) AS since FROM whatsapp_accounts a WHERE a.deleted_at IS NULL"
	" AND a.bridge_kind IS NOT NULL AND a.assigned_instance_index IS NULL AND a.assigned_instance_url <> ''"
	" AND NOT EXISTS (SELECT FROM instances i WHERE i.url = a.assigned_instance_url AND i.removed_at IS NULL)"
	" GROUP BY a.assigned_instance_url, a.bridge_kind ORDER BY a.assigned_instance_url, count(*) DESC, a.bridge_kind) AS f"
	" ORDER BY f.since, f.url RETURNING index, uuid, kind, url" };

const struct pg_stmt *const instance_definition_statements[] = { &insert, &list, &find, &lock, &update, &desire,
	&removal, &adopt, NULL };

/* Rewrites the error of a violated constraint for the operator. Returns -1. */
static int explain(struct err *err)
{
	return err && strstr(err->msg, "instances_url\"")
		? err_set(err, ERR_CONFLICT, "23505", "an instance with this URL is registered")
		: -1;
}

int store_instance_add(struct pg *pg, struct instance_info *i, struct err *err)
{
	struct pg_args *args = pg_args_new();

	pg_arg_uuid(args, &i->uuid);
	pg_arg_text(args, str_of(bridge_word(i->kind)));
	pg_arg_text(args, i->url);
	pg_arg_i64(args, i->capacity);
	pg_arg_text(args, i->storage_group);
	pg_arg_text(args, i->storage_path);
	pg_arg_bytea(args, i->secrets);
	return definition_run_id(pg, &insert, args, &i->index, err) < 0 ? explain(err) : 0;
}

static void instance_read(struct cells *c, struct instance_info *i)
{
	i->index = cells_i64(c);
	i->uuid = cells_uuid(c);
	i->kind = bridge_parse(cells_borrow(c));
	i->url = definition_text(c);
	i->storage_group = definition_text(c);
	i->storage_path = definition_text(c);
	i->capacity = cells_i64(c);
	i->secrets = definition_text(c);
	i->desired = definition_text(c);
	i->state = definition_text(c);
	i->error = definition_text(c);
	i->desired_us = cells_time(c);
	i->state_since_us = cells_time(c);
	i->probed_us = cells_time(c);
	i->fenced_us = cells_time(c);
	i->created_us = cells_time(c);
	i->failures = cells_i64(c);
	i->sessions = cells_i64(c);
	i->accounts = cells_i64(c);
}

int store_instances_list(struct pg *pg, void (*each)(void *ctx, const struct instance_info *i), void *ctx,
	struct err *err)
{
	struct pg_rows *rows = NULL;

	if (pg_run(pg, &list, NULL, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct instance_info i = { 0 };

		instance_read(&c, &i);
		each(ctx, &i);
	}
	pg_rows_free(rows);
	return 0;
}

static struct pg_args *index_args(int64_t index)
{
	struct pg_args *args = pg_args_new();

	pg_arg_i64(args, index);
	return args;
}

static int instance_get(struct pg *pg, const struct pg_stmt *stmt, int64_t index, struct arena *arena,
	struct instance_info *out, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct cells c;
	bool found;

	if (definition_run(pg, stmt, index_args(index), &rows, err) < 0)
		return -1;
	c = cells_of(rows, arena);
	found = cells_more(&c);
	if (found)
		instance_read(&c, out);
	pg_rows_free(rows);
	return found ? 0 : err_set(err, ERR_INPUT, "unknown", "there is no instance %lld", (long long)index);
}

int store_instance_find(struct pg *pg, int64_t index, struct arena *arena, struct instance_info *out, struct err *err)
{
	return instance_get(pg, &find, index, arena, out, err);
}

int store_instance_lock(struct pg *pg, int64_t index, struct arena *arena, struct instance_info *out, struct err *err)
{
	return instance_get(pg, &lock, index, arena, out, err);
}

int store_instance_set(struct pg *pg, const struct instance_info *i, struct err *err)
{
	struct pg_args *args = index_args(i->index);

	pg_arg_text(args, i->url);
	pg_arg_i64(args, i->capacity);
	pg_arg_bytea(args, i->secrets);
	return definition_run(pg, &update, args, NULL, err) < 0 ? explain(err) : 0;
}

int store_instance_desire(struct pg *pg, const struct instance_info *i, const char *desired, struct err *err)
{
	struct pg_args *args = index_args(i->index);

	pg_arg_text(args, str_of(desired));
	return definition_run(pg, &desire, args, NULL, err);
}

int store_instance_remove(struct pg *pg, const struct instance_info *i, struct err *err)
{
	if (i->accounts > 0)
		return err_set(err, ERR_INPUT, "in_use", "%lld accounts are assigned to instance %lld",
			(long long)i->accounts, (long long)i->index);
	if (i->probed_us != PG_NO_TIME && !str_is(i->desired, INSTANCE_OFF))
		return err_set(err, ERR_INPUT, "in_use",
			"instance %lld may run sessions; once it is switched off, say so with instances fenced",
			(long long)i->index);
	return definition_run(pg, &removal, index_args(i->index), NULL, err);
}

int store_instances_adopt(struct pg *pg, void (*each)(void *ctx, const struct instance_info *i), void *ctx,
	struct err *err)
{
	struct pg_rows *rows = NULL;

	if (pg_run(pg, &adopt, NULL, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct instance_info i = { .index = cells_i64(&c) };

		i.uuid = cells_uuid(&c);
		i.kind = bridge_parse(cells_borrow(&c));
		i.url = cells_borrow(&c);
		each(ctx, &i);
	}
	pg_rows_free(rows);
	return 0;
}
