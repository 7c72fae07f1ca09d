/* See webhook_attempts.h. Invariant: a partition exists for every row's day, whatever the dispatcher's clock says. */
#include "store/webhook_attempts.h"

#include "store/columns.h"
#include "store/statements.h"

static const struct pg_stmt insert = { "attempts_insert", PG_PREPARED, /* no join: one plan only */
	"INSERT INTO webhook_attempts (workspace_id, endpoint_id, event_id, event_type, chat_id, attempt, outcome, status, at, dns_us,"
	" connect_us, tls_us, first_byte_us, total_us, excerpt, error)"
	" SELECT r.workspace_id, r.endpoint_id, r.event_id, r.event_type, nullif(r.chat_id, 0), r.attempt, r.outcome, nullif(r.status, 0),"
	" greatest(least(r.at, now()), now() - interval '1 day'), nullif(r.dns_us, -1), nullif(r.connect_us, -1), nullif(r.tls_us, -1),"
	" nullif(r.first_byte_us, -1), nullif(r.total_us, -1), r.excerpt, r.error"
	" FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::text[], $5::bigint[], $6::integer[], $7::text[], $8::integer[],"
	" $9::timestamptz[], $10::integer[], $11::integer[], $12::integer[], $13::integer[], $14::integer[], $15::text[], $16::text[])"
	" AS r (workspace_id, endpoint_id, event_id, event_type, chat_id, attempt, outcome, status, at, dns_us, connect_us, tls_us,"
	" first_byte_us, total_us, excerpt, error)" };

static const struct pg_stmt maintain = { "attempts_maintain", PG_PREPARED,
	"SELECT 1 FROM day_partitions_maintain('webhook_attempts', $1, $2)" };

const struct pg_stmt *const attempts_statements[] = { &insert, &maintain, NULL };

int store_attempts_insert(struct pg *pg, const struct attempt_row *rows, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		const struct attempt_row *r = &rows[i];

		columns_row(&c);
		columns_i64(&c, r->workspace_id);
		columns_i64(&c, r->endpoint_id);
		columns_uuid(&c, &r->event_id);
		columns_text(&c, r->event_type);
		columns_i64(&c, r->message_id);
		columns_i32(&c, r->attempt);
		columns_word(&c, r->outcome);
		columns_i32(&c, r->status);
		columns_time(&c, r->at_us);
		columns_i32(&c, r->dns_us);
		columns_i32(&c, r->connect_us);
		columns_i32(&c, r->tls_us);
		columns_i32(&c, r->first_byte_us);
		columns_i32(&c, r->total_us);
		columns_text(&c, r->excerpt);
		columns_text(&c, r->error);
	}
	return columns_start(&c, pg, &insert, err);
}

int store_attempts_maintain(struct pg *pg, int days_ahead, int keep_days, struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_i32(args, days_ahead);
	pg_arg_i32(args, keep_days);
	rc = pg_run(pg, &maintain, args, NULL, err);
	pg_args_free(args);
	return rc;
}
