/* The half of webhook_endpoints.h that blazzctl uses. Invariant: of an endpoint's row only its definition and its
 * desired state are written here. */
#include "store/statements.h"
#include "store/webhook_endpoints.h"
#include "wire/party.h"

static const struct pg_stmt add = { "endpoint_add", PG_PREPARED,
	"INSERT INTO webhook_endpoints (workspace_id, uuid, kind, name, url, secrets, event_types, origins, ordering, client_errors, rate,"
	" max_in_flight, timeout_ms, schedule_ms, max_retries, headers, api_version, enabled) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9,"
	" $10, $11, $12, $13, $14, nullif($15::integer, -1), $16, $17, $18) RETURNING id" };

/* clock_timestamp(): later than the disabling transaction for which the statement may have waited. */
static const struct pg_stmt set_enabled = { "endpoint_set_enabled", PG_PREPARED,
	"UPDATE webhook_endpoints SET enabled = $2, enabled_at = CASE WHEN $2 THEN clock_timestamp() ELSE enabled_at END,"
	" updated_at = now() WHERE uuid = $1 AND deleted_at IS NULL" };

static const struct pg_stmt set_secrets = { "endpoint_set_secrets", PG_PREPARED,
	"UPDATE webhook_endpoints SET secrets = $2, updated_at = now() WHERE uuid = $1 AND deleted_at IS NULL" };

static const struct pg_stmt remove_stmt = { "endpoint_remove", PG_PREPARED,
	"UPDATE webhook_endpoints SET deleted_at = now(), updated_at = now() WHERE uuid = $1 AND deleted_at IS NULL" };

const struct pg_stmt *const endpoint_definition_statements[] = { &add, &set_enabled, &set_secrets, &remove_stmt, NULL };

static struct pg_array *event_types_array(const struct endpoint_row *e)
{
	struct pg_array *types = pg_array_new(PG_TEXT);

	for (size_t i = 0; i < e->n_event_types; i++)
		pg_array_str(types, e->event_types[i]);
	return types;
}

static struct pg_array *origins_array(const struct endpoint_row *e)
{
	struct pg_array *origins = pg_array_new(PG_TEXT);

	for (enum origin o = ORIGIN_LIVE; o <= ORIGIN_SYNC; o++)
		if (e->origins & 1U << o)
			pg_array_str(origins, str_of(origin_word(o)));
	return origins;
}

static struct pg_array *schedule_array(const struct endpoint_row *e)
{
	struct pg_array *schedule = pg_array_new(PG_I64);

	for (size_t i = 0; i < e->n_schedule; i++)
		pg_array_i64(schedule, e->schedule_ms[i]);
	return schedule;
}

int store_endpoint_add(struct pg *pg, struct endpoint_row *e, struct err *err)
{
	struct pg_array *types = event_types_array(e), *origins = origins_array(e), *schedule = schedule_array(e);
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, e->workspace_id);
	pg_arg_uuid(args, &e->uuid);
	pg_arg_text(args, str_of(store_endpoint_kind_word(e->kind)));
	pg_arg_text(args, e->name.p ? e->name : STR(""));
	pg_arg_text(args, e->url);
	pg_arg_bytea(args, e->secrets);
	pg_arg_array(args, types);
	pg_arg_array(args, origins);
	pg_arg_text(args, e->ordered ? STR("conversation") : STR("none"));
	pg_arg_text(args, e->lenient ? STR("lenient") : STR("strict"));
	pg_arg_i32(args, e->rate);
	pg_arg_i32(args, e->max_in_flight);
	pg_arg_i32(args, e->timeout_ms);
	pg_arg_array(args, schedule);
	pg_arg_i32(args, e->max_retries);
	pg_arg_jsonb(args, e->headers);
	pg_arg_text(args, e->api_version);
	pg_arg_bool(args, e->enabled);
	rc = pg_run(pg, &add, args, &rows, err);
	pg_args_free(args);
	pg_array_free(types);
	pg_array_free(origins);
	pg_array_free(schedule);
	if (rc < 0)
		return -1;
	e->id = pg_i64(rows, 0, 0);
	pg_rows_free(rows);
	return 0;
}

static int unknown(const struct uuid *uuid, struct err *err)
{
	char id[37];

	uuid_format(uuid, id);
	return err_set(err, ERR_INPUT, "unknown", "there is no endpoint %s", id);
}

struct finding {
	struct endpoint_row *out;
	bool found;
};

static void endpoint_keep(void *ctx, const struct endpoint_row *row)
{
	struct finding *f = ctx;

	f->found = !row->deleted;
	if (f->found)
		*f->out = *row;
}

int store_endpoint_find(struct pg *pg, const struct uuid *uuid, struct arena *a, struct endpoint_row *out,
	struct err *err)
{
	struct finding f = { .out = out };

	if (store_endpoints_read(pg, uuid, 1, a, endpoint_keep, &f, err) < 0)
		return -1;
	return f.found ? 0 : unknown(uuid, err);
}

/* Runs an update of one endpoint and frees args, whose first is its uuid. */
static int endpoint_update(struct pg *pg, const struct pg_stmt *stmt, struct pg_args *args, const struct uuid *uuid,
	struct err *err)
{
	struct pg_rows *rows = NULL;
	int rc = pg_run(pg, stmt, args, &rows, err);
	int64_t found;

	pg_args_free(args);
	if (rc < 0)
		return -1;
	found = pg_rows_affected(rows);
	pg_rows_free(rows);
	return found > 0 ? 0 : unknown(uuid, err);
}

static struct pg_args *args_of(const struct uuid *uuid)
{
	struct pg_args *args = pg_args_new();

	pg_arg_uuid(args, uuid);
	return args;
}

int store_endpoint_set_enabled(struct pg *pg, const struct uuid *uuid, bool enabled, struct err *err)
{
	struct pg_args *args = args_of(uuid);

	pg_arg_bool(args, enabled);
	return endpoint_update(pg, &set_enabled, args, uuid, err);
}

int store_endpoint_set_secrets(struct pg *pg, const struct uuid *uuid, struct str sealed, struct err *err)
{
	struct pg_args *args = args_of(uuid);

	pg_arg_bytea(args, sealed);
	return endpoint_update(pg, &set_secrets, args, uuid, err);
}

int store_endpoint_remove(struct pg *pg, const struct uuid *uuid, struct err *err)
{
	return endpoint_update(pg, &remove_stmt, args_of(uuid), uuid, err);
}
