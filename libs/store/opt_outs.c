/* Opt-outs; see contacts.h. Invariant: the row that is kept is the newest by `since`, in whatever order rows arrive. */
#include "store/columns.h"
#include "store/contacts.h"
#include "store/private.h"
#include "store/statements.h"

/* A missing row means the same as one that says resumed. */
static const struct pg_stmt store = { "opt_outs_store", PG_UNNAMED,
	"WITH r AS (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::boolean[], $6::timestamptz[])"
	" WITH ORDINALITY AS r (workspace_id, contact_id, account_id, category, stopped, since, place)),"
	" news AS (SELECT r.*, r.stopped <> coalesce(o.stopped, false) AS changed FROM r LEFT JOIN LATERAL"
	" (SELECT * FROM contact_opt_outs o WHERE o.workspace_id = r.workspace_id AND o.contact_id = r.contact_id"
	" AND o.account_id IS NOT DISTINCT FROM r.account_id AND o.category = r.category FOR UPDATE) AS o ON true"
	" WHERE o.since IS NULL OR r.since >= o.since),"
	" put AS (INSERT INTO contact_opt_outs AS o (workspace_id, contact_id, account_id, category, stopped, since)"
	" SELECT workspace_id, contact_id, account_id, category, stopped, since FROM news ORDER BY place"
	" ON CONFLICT (workspace_id, contact_id, account_id, category) DO UPDATE SET since = excluded.since,"
	" stopped = excluded.stopped, updated_at = now() WHERE excluded.since >= o.since)"
	" SELECT place, changed FROM news" };

const struct pg_stmt *const opt_outs_statements[] = { &store, NULL };

static bool same_opt_out(const struct opt_out_row *a, const struct opt_out_row *b)
{
	return a->workspace_id == b->workspace_id && a->contact_id == b->contact_id && a->account_id == b->account_id &&
		str_eq(a->category, b->category);
}

/* How many rows from the first on are distinct: one statement stores a row once. */
static size_t distinct_prefix(const struct opt_out_row *rows, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (same_opt_out(&rows[i], &rows[j]))
				return i;
	return n;
}

static int distinct_store(struct pg *pg, struct opt_out_row *rows, size_t n, struct err *err)
{
	struct pg_rows *news = NULL;
	struct columns c;

	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_i64(&c, rows[i].contact_id);
		columns_id(&c, rows[i].account_id);
		columns_text(&c, rows[i].category);
		columns_bool(&c, rows[i].stopped);
		columns_time(&c, rows[i].since_us);
	}
	if (columns_run(&c, pg, &store, &news, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		rows[i].changed = false;
	for (struct cells at = cells_of(news, NULL); cells_more(&at); cells_next(&at)) {
		struct opt_out_row *row = &rows[cells_place(&at, n)];

		row->changed = cells_bool(&at);
	}
	pg_rows_free(news);
	return 0;
}

int store_opt_outs(struct pg *pg, struct opt_out_row *rows, size_t n, struct err *err)
{
	for (size_t part; n > 0; rows += part, n -= part) {
		part = distinct_prefix(rows, n);
		if (distinct_store(pg, rows, part, err) < 0)
			return -1;
	}
	return 0;
}
