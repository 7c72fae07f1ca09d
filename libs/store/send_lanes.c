/* See send_lanes.h. Arrays of a row travel as text ('{1,2}'): PostgreSQL has no arrays of arrays of different
 * lengths. */
#include "store/send_lanes.h"

#include <string.h>

#include "base/buf.h"
#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

static const struct pg_stmt add = {
	"send_lanes_add", PG_PREPARED,
	"INSERT INTO send_lanes (workspace_id, account_id, partition) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::integer[])"
	" AS r (workspace_id, account_id, partition) ORDER BY workspace_id, account_id ON CONFLICT (workspace_id, account_id) DO NOTHING"
};

static const struct pg_stmt lock = {
	"send_lanes_lock", PG_PREPARED,
	"SELECT count(*) FROM (SELECT DISTINCT workspace_id, account_id FROM unnest($1::bigint[], $2::bigint[], $3::integer[])"
	" AS r (workspace_id, account_id, partition) ORDER BY workspace_id, account_id) AS r CROSS JOIN LATERAL (SELECT l.account_id"
	" FROM send_lanes l WHERE l.workspace_id = r.workspace_id AND l.account_id = r.account_id FOR NO KEY UPDATE) AS l"
};

static const struct pg_stmt read = { "send_lanes_read", PG_PREPARED,
	"SELECT l.workspace_id, l.account_id, l.partition, array_to_string(l.in_flight, ','), l.minute_at, array_to_string(l.hour_buckets, ','),"
	" l.hour_at, l.next_at, coalesce(l.run_left, -1), coalesce(l.day - date '1970-01-01', 0), l.day_new, l.warm_day, l.paused_until,"
	" l.held_at, l.held_until, l.held_code, l.attempts, l.failures"
	" FROM send_lanes l WHERE l.partition = ANY ($1::integer[]) ORDER BY l.workspace_id, l.account_id" };

static const struct pg_stmt write = { "send_lanes_write", PG_PREPARED,
	"UPDATE send_lanes l SET in_flight = r.in_flight::bigint[], in_flight_at = ARRAY (SELECT coalesce("
	"l.in_flight_at[array_position(l.in_flight, f.id)], now()) FROM unnest(r.in_flight::bigint[]) WITH ORDINALITY AS f (id, place)"
	" ORDER BY f.place), minute_at = r.minute_at, hour_buckets = r.hour_buckets::smallint[],"
	" hour_at = r.hour_at, next_at = r.next_at, run_left = nullif(r.run_left, -1), day = CASE WHEN r.day > 0 THEN date '1970-01-01' + r.day END,"
	" day_new = r.day_new, warm_day = r.warm_day, paused_until = r.paused_until, attempts = r.attempts, failures = r.failures,"
	" updated_at = now()"
	" FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::timestamptz[], $7::timestamptz[],"
	" $8::integer[], $9::integer[], $10::integer[], $11::integer[], $12::timestamptz[], $13::bigint[], $14::bigint[])"
	" AS r (workspace_id, account_id, in_flight, minute_at, hour_buckets, hour_at, next_at, run_left, day, day_new, warm_day,"
	" paused_until, attempts, failures)"
	" WHERE l.workspace_id = r.workspace_id AND l.account_id = r.account_id" };

/* A hold stands until its time is over or the account is connected on request: meanwhile only a longer one replaces it. */
static const struct pg_stmt hold = { "send_lanes_hold", PG_UNNAMED,
	"WITH held AS (UPDATE send_lanes l SET held_at = r.at, held_until = r.until, held_code = r.code, updated_at = now()"
	" FROM (SELECT DISTINCT ON (workspace_id, account_id) r.*, CASE WHEN r.for_ms < 0 THEN 'infinity'"
	" ELSE r.at + r.for_ms * interval '1 millisecond' END AS until FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::bigint[],"
	" $5::text[]) WITH ORDINALITY AS r (workspace_id, account_id, at, for_ms, code, place)"
	" ORDER BY workspace_id, account_id, at DESC, place) AS r"
	" WHERE l.workspace_id = r.workspace_id AND l.account_id = r.account_id AND (l.held_at IS NULL OR l.held_at < r.at)"
	" AND NOT EXISTS (SELECT FROM whatsapp_accounts a WHERE a.workspace_id = l.workspace_id AND a.id = l.account_id"
	" AND a.desired_at <= l.held_at AND l.held_until > r.at AND l.held_until >= r.until)"
	" RETURNING l.workspace_id, l.account_id, r.place)"
	" SELECT h.place, pg_notify('blazz_sending', 'account:' || a.uuid) FROM held h CROSS JOIN LATERAL (SELECT a.uuid"
	" FROM whatsapp_accounts a WHERE a.workspace_id = h.workspace_id AND a.id = h.account_id OFFSET 0) AS a" };

static const struct pg_stmt portfolio_add = { "portfolio_add", PG_PREPARED,
	"INSERT INTO portfolio_hours AS p (workspace_id, business_id, hour, slot, sends) SELECT r.workspace_id, r.business_id,"
	" date_trunc('hour', now(), 'UTC'), r.slot, sum(r.sends) FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::bigint[])"
	" AS r (workspace_id, business_id, slot, sends) GROUP BY 1, 2, 4 ORDER BY 1, 2, 4"
	" ON CONFLICT (workspace_id, business_id, hour, slot) DO UPDATE SET sends = p.sends + excluded.sends" };

/* An hour counts until it is wholly more than 24 hours ago. */
static const struct pg_stmt portfolio_read = { "portfolio_read", PG_PREPARED,
	"SELECT coalesce(sum(p.sends), 0)::bigint, min(p.hour) + interval '25 hours' FROM portfolio_hours p"
	" WHERE p.workspace_id = $1::bigint AND p.business_id = $2::text AND p.hour > now() - interval '25 hours'" };

static const struct pg_stmt undeliverable = { "undeliverable_store", PG_UNNAMED,
	"INSERT INTO undeliverable AS u (workspace_id, address, code, since) SELECT DISTINCT ON (workspace_id, address) *"
	" FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[]) AS r (workspace_id, address, code, since)"
	" ORDER BY workspace_id, address, since DESC ON CONFLICT (workspace_id, address) DO UPDATE SET code = excluded.code,"
	" since = excluded.since WHERE excluded.since > u.since" };

static const struct pg_stmt expire = {
	"send_limits_expire", PG_PREPARED,
	"WITH hours AS (DELETE FROM portfolio_hours p USING (SELECT workspace_id, business_id, hour, slot FROM portfolio_hours"
	" WHERE hour < now() - interval '2 days' LIMIT $1::integer FOR UPDATE SKIP LOCKED) AS o WHERE p.workspace_id = o.workspace_id"
	" AND p.business_id = o.business_id AND p.hour = o.hour AND p.slot = o.slot)"
	" DELETE FROM undeliverable u USING (SELECT workspace_id, address FROM undeliverable WHERE since < now() - interval '30 days'"
	" LIMIT $1::integer FOR UPDATE SKIP LOCKED) AS o WHERE u.workspace_id = o.workspace_id AND u.address = o.address"
};

const struct pg_stmt *const send_lanes_statements[] = { &add, &lock, &read, &write, &hold, &portfolio_add,
	&portfolio_read, &undeliverable, &expire, NULL };

static int keys_run(struct pg *pg, const struct pg_stmt *stmt, const struct send_lane_key *keys, size_t n,
	struct err *err)
{
	struct columns c;

	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, keys[i].workspace_id);
		columns_i64(&c, keys[i].account_id);
		columns_i32(&c, keys[i].partition);
	}
	return columns_run(&c, pg, stmt, NULL, err);
}

int store_send_lanes_lock(struct pg *pg, const struct send_lane_key *keys, size_t n, struct err *err)
{
	if (n == 0)
		return 0;
	return keys_run(pg, &add, keys, n, err) < 0 || keys_run(pg, &lock, keys, n, err) < 0 ? -1 : 0;
}

/* A list of numbers as SQL wrote it. */
static int64_t *numbers_read(struct cells *c, struct arena *a, size_t *n)
{
	struct str *words = cells_words(c, n);
	int64_t *out = ARENA_ARRAY(a, int64_t, *n);

	for (size_t i = 0; i < *n; i++)
		if (!str_to_i64(words[i], &out[i]))
			out[i] = 0;
	return out;
}

static int64_t time_or_zero(int64_t us)
{
	return us == PG_NO_TIME ? 0 : us;
}

#define MINUTE_US INT64_C(60000000)

static void hourly_read(struct cells *c, struct arena *a, struct hourly *out)
{
	size_t n;
	const int64_t *uses = numbers_read(c, a, &n);

	*out = (struct hourly){ .minute = time_or_zero(cells_time(c)) / MINUTE_US };
	for (size_t i = 0; i < n && i < HOURLY_MINUTES; i++)
		out->uses[i] = (int16_t)uses[i];
}

int store_send_lanes_read(struct pg *pg, const int32_t *partitions, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct send_lane *lane), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns columns;

	if (n == 0)
		return 0;
	columns_init(&columns);
	columns_i32s(&columns, partitions, n);
	if (columns_run(&columns, pg, &read, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, a); cells_more(&c); cells_next(&c)) {
		struct send_lane lane = { .workspace_id = cells_i64(&c) };

		lane.account_id = cells_i64(&c);
		lane.partition = cells_i32(&c);
		lane.in_flight = numbers_read(&c, a, &lane.n_in_flight);
		lane.minute_us = time_or_zero(cells_time(&c));
		hourly_read(&c, a, &lane.hour);
		lane.next_us = cells_time(&c);
		lane.run_left = cells_i32(&c);
		lane.day = cells_i64(&c);
		lane.day_new = cells_i32(&c);
		lane.warm_day = cells_i32(&c);
		lane.paused_until_us = cells_time(&c);
		lane.held_at_us = cells_time(&c);
		lane.held_until_us = cells_time(&c);
		lane.held_code = cells_text(&c);
		lane.attempts = cells_i64(&c);
		lane.failures = cells_i64(&c);
		each(ctx, &lane);
	}
	pg_rows_free(rows);
	return 0;
}

static void ids_print(struct buf *out, const int64_t *ids, size_t n)
{
	buf_add_char(out, '{');
	for (size_t i = 0; i < n; i++)
		buf_printf(out, i ? ",%lld" : "%lld", (long long)ids[i]);
	buf_add_char(out, '}');
}

/* Without the zeros at its end. */
static void hourly_print(struct buf *out, const struct hourly *h)
{
	size_t n = HOURLY_MINUTES;

	while (n > 0 && h->uses[n - 1] == 0)
		n--;
	buf_add_char(out, '{');
	for (size_t i = 0; i < n; i++)
		buf_printf(out, i ? ",%d" : "%d", h->uses[i]);
	buf_add_char(out, '}');
}

static void lane_add(struct columns *c, const struct send_lane *l, struct buf *text)
{
	columns_row(c);
	columns_i64(c, l->workspace_id);
	columns_i64(c, l->account_id);
	buf_clear(text);
	ids_print(text, l->in_flight, l->n_in_flight);
	columns_text(c, buf_str(text));
	columns_time(c, l->minute_us ? l->minute_us : PG_NO_TIME);
	buf_clear(text);
	hourly_print(text, &l->hour);
	columns_text(c, buf_str(text));
	columns_time(c, l->hour.minute ? l->hour.minute * MINUTE_US : PG_NO_TIME);
	columns_time(c, l->next_us);
	columns_i32(c, l->run_left);
	columns_i32(c, (int32_t)l->day);
	columns_i32(c, l->day_new);
	columns_i32(c, l->warm_day);
	columns_time(c, l->paused_until_us);
	columns_i64(c, l->attempts);
	columns_i64(c, l->failures);
}

int store_send_lanes_write(struct pg *pg, const struct send_lane *lanes, size_t n, struct err *err)
{
	struct buf text = BUF_INIT;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++)
		lane_add(&c, &lanes[i], &text);
	buf_fini(&text);
	return columns_start(&c, pg, &write, err);
}

int store_send_lanes_hold(struct pg *pg, struct send_hold *holds, size_t n, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, holds[i].workspace_id);
		columns_i64(&c, holds[i].account_id);
		columns_time(&c, holds[i].at_us);
		columns_i64(&c, holds[i].for_ms);
		columns_text(&c, holds[i].code);
	}
	if (columns_run(&c, pg, &hold, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		holds[i].applied = false;
	for (struct cells at = cells_of(rows, NULL); cells_more(&at); cells_next(&at))
		holds[cells_place(&at, n)].applied = true;
	pg_rows_free(rows);
	return 0;
}

int store_portfolio_add(struct pg *pg, const struct portfolio_use *uses, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, uses[i].workspace_id);
		columns_text(&c, uses[i].business_id);
		columns_i32(&c, uses[i].slot);
		columns_i64(&c, uses[i].sends);
	}
	return columns_start(&c, pg, &portfolio_add, err);
}

int store_portfolio_read(struct pg *pg, int64_t workspace_id, struct str business_id, int64_t *sends, int64_t *again_us,
	struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, workspace_id);
	pg_arg_text(args, business_id);
	rc = pg_run(pg, &portfolio_read, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	*sends = pg_i64(rows, 0, 0);
	*again_us = pg_time_us(rows, 0, 1);
	pg_rows_free(rows);
	return 0;
}

int store_undeliverable(struct pg *pg, const struct undeliverable_row *rows, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_text(&c, rows[i].address);
		columns_text(&c, rows[i].code);
		columns_time(&c, rows[i].since_us);
	}
	return columns_start(&c, pg, &undeliverable, err);
}

int store_send_limits_expire(struct pg *pg, int limit, struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_i32(args, limit);
	rc = pg_run(pg, &expire, args, NULL, err);
	pg_args_free(args);
	return rc;
}
