/* See send_attempts.h. Invariant: a partition exists for every row's day, whatever the sender's clock says. */
#include "store/send_attempts.h"

#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

static const struct pg_stmt insert = { "send_attempts_insert", PG_PREPARED, /* no join: one plan only */
	"INSERT INTO send_attempts (workspace_id, send_id, account_id, generation, attempt, class, status, code, at, total_us, excerpt)"
	" SELECT r.workspace_id, r.send_id, r.account_id, r.generation, r.attempt, r.class, nullif(r.status, 0), r.code,"
	" greatest(least(r.at, now()), now() - interval '1 day'), nullif(r.total_us, -1), r.excerpt"
	" FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::integer[], $5::integer[], $6::text[], $7::integer[], $8::text[],"
	" $9::timestamptz[], $10::integer[], $11::text[]) AS r (workspace_id, send_id, account_id, generation, attempt, class, status, code,"
	" at, total_us, excerpt)" };

static const struct pg_stmt accounts = {
	"send_attempts_accounts", PG_UNNAMED,
	"SELECT DISTINCT r.place, t.account_id FROM unnest($1::bigint[], $2::bigint[], $3::integer[]) WITH ORDINALITY"
	" AS r (workspace_id, id, generation, place) CROSS JOIN LATERAL (SELECT t.account_id FROM send_attempts t"
	" WHERE t.workspace_id = r.workspace_id AND t.send_id = r.id AND t.generation = r.generation OFFSET 0) AS t ORDER BY 1, 2"
};

static const struct pg_stmt maintain = { "send_attempts_maintain", PG_PREPARED,
	"SELECT 1 FROM day_partitions_maintain('send_attempts', $1, $2)" };

const struct pg_stmt *const send_attempts_statements[] = { &insert, &accounts, &maintain, NULL };

int store_send_attempts(struct pg *pg, const struct send_attempt_row *rows, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		const struct send_attempt_row *r = &rows[i];

		columns_row(&c);
		columns_i64(&c, r->workspace_id);
		columns_i64(&c, r->send_id);
		columns_i64(&c, r->account_id);
		columns_i32(&c, r->generation);
		columns_i32(&c, r->attempt);
		columns_word(&c, r->class);
		columns_i32(&c, r->status);
		columns_text(&c, r->code);
		columns_time(&c, r->at_us);
		columns_i32(&c, r->total_us);
		columns_text(&c, r->excerpt);
	}
	return columns_start(&c, pg, &insert, err);
}

int store_send_attempts_accounts(struct pg *pg, const struct send_tried *rows, size_t n,
	void (*each)(void *ctx, size_t place, int64_t account_id), void *ctx, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_i64(&c, rows[i].id);
		columns_i32(&c, rows[i].generation);
	}
	if (columns_run(&c, pg, &accounts, &answer, err) < 0)
		return -1;
	for (struct cells at = cells_of(answer, NULL); cells_more(&at); cells_next(&at)) {
		size_t place = cells_place(&at, n);

		each(ctx, place, cells_i64(&at));
	}
	pg_rows_free(answer);
	return 0;
}

int store_send_attempts_maintain(struct pg *pg, int days_ahead, int keep_days, struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_i32(args, days_ahead);
	pg_arg_i32(args, keep_days);
	rc = pg_run(pg, &maintain, args, NULL, err);
	pg_args_free(args);
	return rc;
}
