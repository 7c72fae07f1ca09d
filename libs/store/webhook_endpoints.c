/* See webhook_endpoints.h. Invariant: of an endpoint's row only its health is written here. */
#include "store/webhook_endpoints.h"

#include <assert.h>

#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"
#include "store/webhook_private.h"
#include "wire/party.h"

/* A workspace that can be restored has its endpoints disabled: what waits for them stays. */
#define SELECT_ENDPOINTS \
	"SELECT e.workspace_id, e.id, w.uuid, e.uuid, e.kind, e.name, e.url, e.secrets, array_to_string(e.event_types, ',')," \
	" array_to_string(e.origins, ','), e.ordering = 'conversation', e.client_errors = 'lenient', e.rate, e.max_in_flight," \
	" e.timeout_ms, array_to_string(e.schedule_ms, ','), coalesce(e.max_retries, -1), e.headers, e.api_version," \
	" e.enabled AND w.deleted_at IS NULL," \
	" e.enabled_at, e.active_from, e.state, e.disabled_reason, e.disabled_at, e.failing_since," \
	" e.deleted_at IS NOT NULL OR w.deletion_stage IS NOT NULL" \
	" FROM webhook_endpoints e JOIN workspaces w ON w.id = e.workspace_id"

static const struct pg_stmt read_all = { "endpoints_read_all", PG_PREPARED,
	SELECT_ENDPOINTS " WHERE e.deleted_at IS NULL AND w.deletion_stage IS NULL" };

static const struct pg_stmt read_some = { "endpoints_read_some", PG_PREPARED,
	SELECT_ENDPOINTS " WHERE e.uuid = ANY ($1::uuid[])" };

static const struct pg_stmt lock = { "endpoints_lock", PG_UNNAMED,
	"SELECT 1 FROM unnest($1::bigint[], $2::bigint[]) AS r (workspace_id, id)"
	" JOIN webhook_endpoints e ON e.workspace_id = r.workspace_id AND e.id = r.id"
	" ORDER BY e.workspace_id, e.id FOR NO KEY UPDATE OF e" };

/* r.at is limited: never in the future, nor before the endpoint was last enabled. */
#define FINDINGS \
	" FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::timestamptz[], $5::bigint[], $6::text[])" \
	" AS r (workspace_id, id, place, at, failing_ms, reason)"
#define SINCE "greatest(least(r.at, now()), e.enabled_at)"
/* Neither deleted nor disabled, or enabled again since. */
#define TAKES_FINDINGS \
	" WHERE e.workspace_id = r.workspace_id AND e.id = r.id AND e.deleted_at IS NULL" \
	" AND (e.disabled_at IS NULL OR e.disabled_at < e.enabled_at)"
#define NOT_DISABLED "disabled_at = NULL, disabled_reason = NULL, updated_at = now()"

static const struct pg_stmt fails = { "endpoints_fails", PG_UNNAMED,
	"UPDATE webhook_endpoints e SET failing_since = " SINCE
	", state = CASE e.state WHEN 'disabled' THEN 'active' ELSE e.state END, " NOT_DISABLED FINDINGS TAKES_FINDINGS
	" AND (e.failing_since IS NULL OR e.failing_since < e.enabled_at) RETURNING r.place, true" };

static const struct pg_stmt exhausted = { "endpoints_exhausted", PG_UNNAMED,
	"UPDATE webhook_endpoints e SET state = 'failing', " NOT_DISABLED FINDINGS TAKES_FINDINGS
	" AND e.state <> 'failing' RETURNING r.place, true" };

/* The row is locked, so that `was` is exactly the state that this statement changes. */
static const struct pg_stmt answers = { "endpoints_answers", PG_UNNAMED,
	"UPDATE webhook_endpoints e SET state = 'active', failing_since = NULL, " NOT_DISABLED FINDINGS
	" JOIN webhook_endpoints was ON was.workspace_id = r.workspace_id AND was.id = r.id" TAKES_FINDINGS
	" AND (e.state <> 'active' OR e.failing_since IS NOT NULL) RETURNING r.place, was.state <> 'active'" };

/* clock_timestamp(): later than the enabling transaction for which the statement may have waited. */
static const struct pg_stmt disable = { "endpoints_disable", PG_UNNAMED,
	"UPDATE webhook_endpoints e SET state = 'disabled', disabled_at = clock_timestamp(), disabled_reason = r.reason,"
	" updated_at = now()" FINDINGS TAKES_FINDINGS " AND e.enabled_at <= r.at AND (r.failing_ms = 0"
	" OR (e.failing_since >= e.enabled_at AND e.failing_since <= now() - r.failing_ms * interval '1 millisecond'))"
	" RETURNING r.place, true" };

const struct pg_stmt *const endpoints_statements[] = { &read_all, &read_some, NULL };
const struct pg_stmt *const endpoints_health_statements[] = { &lock, &fails, &exhausted, &answers, &disable, NULL };

/* By enum endpoint_kind. The words are also in the table's webhook_endpoints_kind_check, their number in endpoint_read(). */
static const char *const kinds[] = { "http", "pusher" };
static const char *const states[] = { "active", "failing", "disabled" };

const char *store_endpoint_kind_word(enum endpoint_kind k)
{
	return kinds[k];
}

const char *store_endpoint_state_word(enum endpoint_state s)
{
	return states[s];
}

/* The table's check constraint allows only these words, but for kinds that a later release has added: they are read as the last one here,
 * whose secrets they do not have, so that the endpoint is not live. */
static int word_index(struct str word, const char *const *words, int n)
{
	int i = 0;

	while (i < n - 1 && !str_is(word, words[i]))
		i++;
	return i;
}

bool store_endpoint_is_live(const struct endpoint_row *e)
{
	return e->enabled && !e->deleted && (e->disabled_us == PG_NO_TIME || e->disabled_us < e->enabled_us);
}

static void schedule_read(struct endpoint_row *e, struct cells *c)
{
	struct str *words = cells_words(c, &e->n_schedule);

	e->schedule_ms = ARENA_ARRAY(c->arena, int64_t, e->n_schedule);
	for (size_t i = 0; i < e->n_schedule; i++) {
		bool is_number = str_to_i64(words[i], &e->schedule_ms[i]);

		assert(is_number);
		(void)is_number;
	}
}

static unsigned origins_read(struct str joined)
{
	unsigned bits = 0;

	for (struct str word; joined.n > 0; bits |= 1U << origin_parse(word))
		if (!str_cut(joined, ',', &word, &joined))
			joined = STR_NONE;
	return bits;
}

static void endpoint_read(struct cells *c, struct endpoint_row *e)
{
	*e = (struct endpoint_row){ .workspace_id = cells_i64(c) };
	e->id = cells_i64(c);
	e->workspace = cells_uuid(c);
	e->uuid = cells_uuid(c);
	e->kind = (enum endpoint_kind)word_index(cells_borrow(c), kinds, 2);
	e->name = cells_text(c);
	e->url = cells_text(c);
	e->secrets = cells_text(c);
	e->event_types = cells_words(c, &e->n_event_types);
	e->origins = origins_read(cells_borrow(c));
	e->ordered = cells_bool(c);
	e->lenient = cells_bool(c);
	e->rate = cells_i32(c);
	e->max_in_flight = cells_i32(c);
	e->timeout_ms = cells_i32(c);
	schedule_read(e, c);
	e->max_retries = cells_i32(c);
	e->headers = cells_text(c);
	e->api_version = cells_text(c);
	e->enabled = cells_bool(c);
	e->enabled_us = cells_time(c);
	e->active_from_us = cells_time(c);
	e->state = (enum endpoint_state)word_index(cells_borrow(c), states, 3);
	e->disabled_reason = cells_text(c);
	e->disabled_us = cells_time(c);
	e->failing_since_us = cells_time(c);
	e->deleted = cells_bool(c);
}

int store_endpoints_read(struct pg *pg, const struct uuid *uuids, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct endpoint_row *row), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	if (uuids && n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; uuids && i < n; i++) {
		columns_row(&c);
		columns_uuid(&c, &uuids[i]);
	}
	if (columns_run(&c, pg, uuids ? &read_some : &read_all, &rows, err) < 0)
		return -1;
	for (struct cells at = cells_of(rows, a); cells_more(&at); cells_next(&at)) {
		struct endpoint_row row;

		endpoint_read(&at, &row);
		each(ctx, &row);
	}
	pg_rows_free(rows);
	return 0;
}

static int rows_lock(struct pg *pg, const struct endpoint_change *changes, size_t n, struct err *err)
{
	struct columns c;

	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, changes[i].workspace_id);
		columns_i64(&c, changes[i].id);
	}
	return columns_run(&c, pg, &lock, NULL, err);
}

/* Applies the changes of one kind of finding. */
static int finding_apply(struct pg *pg, enum endpoint_finding finding, struct endpoint_change *changes, size_t n,
	struct err *err)
{
	static const struct pg_stmt *const statements[ENDPOINT_FINDINGS] = { &fails, &exhausted, &answers, &disable };
	struct pg_rows *rows = NULL;
	struct columns c;
	size_t found = 0;

	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		if (changes[i].finding != finding)
			continue;
		found++;
		columns_row(&c);
		columns_i64(&c, changes[i].workspace_id);
		columns_i64(&c, changes[i].id);
		columns_i32(&c, (int32_t)i);
		columns_time(&c, changes[i].at_us);
		columns_i64(&c, changes[i].failing_ms);
		columns_word(&c, changes[i].reason);
	}
	if (found == 0) {
		columns_fini(&c);
		return 0;
	}
	if (columns_run(&c, pg, statements[finding], &rows, err) < 0)
		return -1;
	for (struct cells at = cells_of(rows, NULL); cells_more(&at); cells_next(&at)) {
		struct endpoint_change *change = &changes[cells_i32(&at)];

		change->changed = cells_bool(&at);
	}
	pg_rows_free(rows);
	return 0;
}

int store_endpoints_change(struct pg *pg, struct endpoint_change *changes, size_t n, struct err *err)
{
	assert(pg_in_transaction(pg));
	if (n == 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		changes[i].changed = false;
	if (rows_lock(pg, changes, n, err) < 0)
		return -1;
	for (enum endpoint_finding f = 0; f < ENDPOINT_FINDINGS; f++)
		if (finding_apply(pg, f, changes, n, err) < 0)
			return -1;
	return 0;
}

int store_endpoints_run(struct pg *pg, const struct pg_stmt *stmt, struct str topic, const int32_t *partitions,
	size_t n_partitions, const struct endpoint_key *endpoints, size_t n, struct err *err)
{
	struct pg_array *array;
	struct columns c;
	int rc;

	if (n == 0 || n_partitions == 0)
		return 0;
	array = pg_array_new(PG_I32);
	for (size_t i = 0; i < n_partitions; i++)
		pg_array_i32(array, partitions[i]);
	columns_init(&c);
	if (topic.p)
		pg_arg_text(columns_scalars(&c), topic);
	pg_arg_array(columns_scalars(&c), array);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, endpoints[i].workspace_id);
		columns_i64(&c, endpoints[i].endpoint_id);
	}
	rc = columns_run(&c, pg, stmt, NULL, err);
	pg_array_free(array);
	return rc;
}
