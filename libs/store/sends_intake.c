/* See sends_intake.h. Invariant: of the pending single messages to one address through one account only one is due: the oldest, or one that
 * was due before an older one moved in from another account. */
#include "store/sends_intake.h"

#include "store/columns.h"
#include "store/statements.h"

/* Waits behind an earlier pending row: one that is stored, or one of these rows. When that one turns out to be stored
 * already (a repeated request), store_sends_insert() releases. */
static const struct pg_stmt insert = {
	"sends_insert", PG_UNNAMED,
	"INSERT INTO sends (workspace_id, request_id, kind, contact_id, address, account_id, status, error_code, error_message, deadline,"
	" request, next_attempt_at) SELECT r.workspace_id, r.request_id, r.kind, r.contact_id, r.address, r.account_id, r.status,"
	" r.error_code, r.error_message, r.deadline, r.content, CASE WHEN r.status <> 'pending' THEN NULL"
	" WHEN row_number() OVER (PARTITION BY r.workspace_id, r.account_id, r.address, r.status ORDER BY r.place) > 1"
	" OR EXISTS (SELECT FROM sends s WHERE s.workspace_id = r.workspace_id AND s.account_id = r.account_id AND s.address = r.address"
	" AND s.campaign_id IS NULL AND s.next_attempt_at IS NOT NULL AND s.status = 'pending' OFFSET 0) THEN 'infinity' ELSE now() END"
	" FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::text[],"
	" $10::timestamptz[], $11::bytea[]) WITH ORDINALITY AS r (workspace_id, request_id, kind, contact_id, address, account_id, status,"
	" error_code, error_message, deadline, content, place) ORDER BY r.place"
	" ON CONFLICT (workspace_id, request_id) WHERE request_id IS NOT NULL DO NOTHING RETURNING id, workspace_id, request_id"
};

#define AHEAD "100" /* rows of one address that may have moved in from other accounts, ahead of the one that is due */

/* The oldest pending row of each key r, when all of them wait. One that has moved in from another account may be older than the one that is
 * due. */
#define RELEASED \
	" AS r CROSS JOIN LATERAL (SELECT min(w.id) AS id, min(w.next_attempt_at) AS first_at FROM (SELECT w.id, w.next_attempt_at" \
	" FROM sends w WHERE w.workspace_id = r.workspace_id AND w.account_id = r.account_id AND w.address = r.address" \
	" AND w.campaign_id IS NULL AND w.next_attempt_at IS NOT NULL AND w.status = 'pending' ORDER BY w.address, w.id LIMIT " AHEAD \
	") AS w) AS oldest" \
	" WHERE s.workspace_id = r.workspace_id AND s.id = oldest.id AND oldest.first_at = 'infinity'"

static const struct pg_stmt release = { "sends_release", PG_UNNAMED,
	"UPDATE sends s SET next_attempt_at = now(), updated_at = now()"
	" FROM (SELECT DISTINCT workspace_id, account_id, address FROM unnest($1::bigint[], $2::bigint[], $3::text[])"
	" AS r (workspace_id, account_id, address))" RELEASED };

static const struct pg_stmt release_lanes = {
	"sends_release_lanes", PG_UNNAMED,
	"UPDATE sends s SET next_attempt_at = now(), updated_at = now()"
	" FROM (SELECT DISTINCT r.workspace_id, r.account_id, w.address FROM unnest($2::bigint[], $3::bigint[]) AS r (workspace_id, account_id)"
	" CROSS JOIN LATERAL (SELECT w.address FROM sends w WHERE w.workspace_id = r.workspace_id AND w.account_id = r.account_id"
	" AND w.next_attempt_at = 'infinity' AND w.campaign_id IS NULL ORDER BY w.id LIMIT $1::integer) AS w)" RELEASED
};

static const struct pg_stmt notify = { "sends_notify", PG_PREPARED,
	"SELECT count(pg_notify('blazz_sending', 'due:' || account)) FROM unnest($1::uuid[]) AS r (account)" };

const struct pg_stmt *const sends_intake_statements[] = { &insert, &release, &release_lanes, &notify, NULL };

/* Inserted rows are returned in the order of the arguments. Returns how many were not inserted. */
static size_t inserted_mark(const struct pg_rows *answer, struct send_new *rows, size_t n)
{
	size_t rest = 0;
	int at = 0;

	for (size_t i = 0; i < n; i++) {
		struct uuid request = at < pg_rows_count(answer) ? pg_uuid(answer, at, 2) : (struct uuid){ 0 };

		rows[i].inserted = at < pg_rows_count(answer) && uuid_eq(&request, &rows[i].request) &&
			pg_i64(answer, at, 1) == rows[i].workspace_id;
		rows[i].id = rows[i].inserted ? pg_i64(answer, at++, 0) : 0;
		rest += !rows[i].inserted;
	}
	return rest;
}

/* A row may wait behind one that was not inserted. */
static int waiting_release(struct pg *pg, const struct send_new *rows, size_t n, struct err *err)
{
	struct columns c;
	size_t keys = 0;

	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		if (rows[i].account_id == 0)
			continue;
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_i64(&c, rows[i].account_id);
		columns_text(&c, rows[i].address);
		keys++;
	}
	if (keys > 0)
		return columns_run(&c, pg, &release, NULL, err);
	columns_fini(&c);
	return 0;
}

int store_sends_insert(struct pg *pg, struct send_new *rows, size_t n, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct columns c;
	size_t rest;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		const struct send_new *r = &rows[i];

		columns_row(&c);
		columns_i64(&c, r->workspace_id);
		columns_uuid(&c, &r->request);
		columns_word(&c, send_kind_word(r->kind));
		columns_id(&c, r->contact_id);
		columns_text(&c, r->address);
		columns_id(&c, r->account_id);
		columns_word(&c, store_send_status_word(r->status));
		columns_text(&c, r->error_code);
		columns_text(&c, r->error_message);
		columns_time(&c, r->deadline_us);
		columns_bytea(&c, r->content);
	}
	if (columns_run(&c, pg, &insert, &answer, err) < 0)
		return -1;
	rest = inserted_mark(answer, rows, n);
	pg_rows_free(answer);
	return rest > 0 ? waiting_release(pg, rows, n, err) : 0;
}

int store_sends_release(struct pg *pg, const struct send_key *keys, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, keys[i].workspace_id);
		columns_i64(&c, keys[i].account_id);
		columns_text(&c, keys[i].address);
	}
	return columns_start(&c, pg, &release, err);
}

int store_sends_release_lanes(struct pg *pg, const struct send_lane_id *lanes, size_t n, int limit, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	pg_arg_i32(columns_scalars(&c), limit);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, lanes[i].workspace_id);
		columns_i64(&c, lanes[i].account_id);
	}
	return columns_start(&c, pg, &release_lanes, err);
}

int store_sends_notify(struct pg *pg, const struct uuid *accounts, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_uuid(&c, &accounts[i]);
	}
	return columns_start(&c, pg, &notify, err);
}
