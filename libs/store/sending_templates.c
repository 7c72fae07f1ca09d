/* See sending_templates.h. */
#include "store/sending_templates.h"

#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

#define TEMPLATE_COLUMNS \
	"r.place, t.workspace_id, t.id, t.account_id, t.name, t.language, t.category, t.status, t.quality, t.components"

/* IS NOT DISTINCT FROM: else the accounts of a workspace look as easy to find as those of a WABA. */
static const struct pg_stmt find = { "sending_templates_find", PG_UNNAMED,
	"SELECT " TEMPLATE_COLUMNS " FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[])"
	" WITH ORDINALITY AS r (workspace_id, account_id, name, language, place)"
	" CROSS JOIN LATERAL (SELECT t.* FROM (SELECT r.account_id AS id UNION SELECT s.id FROM"
	" (SELECT a.waba_id FROM whatsapp_accounts a WHERE a.workspace_id = r.workspace_id AND a.id = r.account_id OFFSET 0) AS a"
	" CROSS JOIN LATERAL (SELECT s.id FROM whatsapp_accounts s WHERE s.waba_id = a.waba_id"
	" AND s.workspace_id IS NOT DISTINCT FROM r.workspace_id AND s.deleted_at IS NULL OFFSET 0) AS s) AS o"
	" CROSS JOIN LATERAL (SELECT * FROM templates t WHERE t.workspace_id = r.workspace_id AND t.account_id = o.id"
	" AND t.name = r.name AND t.language = r.language OFFSET 0) AS t"
	" ORDER BY t.components IS NULL, t.status_at DESC NULLS LAST, t.id LIMIT 1) AS t" };

static const struct pg_stmt read = {
	"sending_templates_read", PG_UNNAMED,
	"SELECT " TEMPLATE_COLUMNS
	" FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS r (workspace_id, id, place)"
	" CROSS JOIN LATERAL (SELECT * FROM templates t WHERE t.workspace_id = r.workspace_id AND t.id = r.id OFFSET 0) AS t"
};

const struct pg_stmt *const sending_templates_statements[] = { &find, &read, NULL };

static int templates_run(struct columns *columns, struct pg *pg, const struct pg_stmt *stmt, size_t n, struct arena *a,
	void (*each)(void *ctx, size_t at, const struct sending_template_row *row), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (columns_run(columns, pg, stmt, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, a); cells_more(&c); cells_next(&c)) {
		struct sending_template_row row;
		size_t place = cells_place(&c, n);

		row.workspace_id = cells_i64(&c);
		row.id = cells_i64(&c);
		row.account_id = cells_i64(&c);
		row.name = cells_text(&c);
		row.language = cells_text(&c);
		row.category = cells_text(&c);
		row.status = cells_text(&c);
		row.quality = cells_text(&c);
		row.components = cells_text(&c);
		each(ctx, place, &row);
	}
	pg_rows_free(rows);
	return 0;
}

int store_sending_templates_find(struct pg *pg, const struct template_key *keys, size_t n, struct arena *a,
	void (*each)(void *ctx, size_t key, const struct sending_template_row *row), void *ctx, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, keys[i].workspace_id);
		columns_i64(&c, keys[i].account_id);
		columns_text(&c, keys[i].name);
		columns_text(&c, keys[i].language);
	}
	return templates_run(&c, pg, &find, n, a, each, ctx, err);
}

int store_sending_templates_read(struct pg *pg, const struct sending_template_id *ids, size_t n, struct arena *a,
	void (*each)(void *ctx, size_t id, const struct sending_template_row *row), void *ctx, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, ids[i].workspace_id);
		columns_i64(&c, ids[i].id);
	}
	return templates_run(&c, pg, &read, n, a, each, ctx, err);
}
