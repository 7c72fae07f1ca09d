/* Templates as the provider reports them; see syncs.h. Invariant: an older report never replaces a newer one, and what
 * a report does not say stays as it was. */
#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"
#include "store/syncs.h"

/* A new status replaces the reason, with its own or with none. */
#define REASON "CASE WHEN r.status IS NULL THEN coalesce(r.reason, t.reason) ELSE r.reason END"

static const struct pg_stmt store = { "templates_store", PG_UNNAMED,
	"WITH news AS MATERIALIZED (SELECT r.workspace_id, r.account_id, r.name, r.language, r.at, r.place,"
	" coalesce(r.provider_id, t.provider_template_id, '') AS provider_id, coalesce(r.category, t.category) AS category,"
	" coalesce(r.status, t.status) AS status, coalesce(r.quality, t.quality) AS quality, " REASON " AS reason,"
	" coalesce(r.components, t.components) AS components,"
	" t.id IS NULL OR t.provider_template_id <> coalesce(r.provider_id, t.provider_template_id)"
	" OR t.category IS DISTINCT FROM coalesce(r.category, t.category) OR t.status IS DISTINCT FROM coalesce(r.status, t.status)"
	" OR t.quality IS DISTINCT FROM coalesce(r.quality, t.quality) OR t.reason IS DISTINCT FROM " REASON
	" AS changed"
	" FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],"
	" $10::jsonb[], $11::timestamptz[]) WITH ORDINALITY AS r (workspace_id, account_id, name, language, provider_id, category, status,"
	" quality, reason, components, at, place)"
	" LEFT JOIN LATERAL (SELECT * FROM templates t WHERE t.workspace_id = r.workspace_id AND t.account_id = r.account_id"
	" AND t.name = r.name AND t.language = r.language OFFSET 0) AS t ON true"
	" WHERE t.status_at IS NULL OR r.at >= t.status_at),"
	" put AS (INSERT INTO templates (workspace_id, account_id, name, language, provider_template_id, category, status, quality,"
	" reason, components, status_at) SELECT workspace_id, account_id, name, language, provider_id, category, status, quality, reason,"
	" components, at FROM news"
	" ON CONFLICT (workspace_id, account_id, name, language) DO UPDATE SET provider_template_id = excluded.provider_template_id,"
	" category = excluded.category, status = excluded.status, quality = excluded.quality, reason = excluded.reason,"
	" components = excluded.components, status_at = excluded.status_at, updated_at = now())"
	" SELECT place, changed FROM news" };

const struct pg_stmt *const templates_statements[] = { &store, NULL };

static bool same_template(const struct template_row *a, const struct template_row *b)
{
	return a->workspace_id == b->workspace_id && a->account_id == b->account_id && str_eq(a->name, b->name) &&
		str_eq(a->language, b->language);
}

/* How many rows from the first on are distinct: one statement stores a row once. */
static size_t distinct_prefix(const struct template_row *rows, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (same_template(&rows[i], &rows[j]))
				return i;
	return n;
}

static int distinct_store(struct pg *pg, struct template_row *rows, size_t n, struct err *err)
{
	struct pg_rows *news = NULL;
	struct columns c;

	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		const struct template_row *r = &rows[i];

		columns_row(&c);
		columns_i64(&c, r->workspace_id);
		columns_i64(&c, r->account_id);
		columns_text(&c, r->name.p ? r->name : STR(""));
		columns_text(&c, r->language.p ? r->language : STR(""));
		columns_text(&c, r->provider_template_id);
		columns_text(&c, r->category);
		columns_text(&c, r->status);
		columns_text(&c, r->quality);
		columns_text(&c, r->reason);
		columns_jsonb(&c, r->components);
		columns_time(&c, r->at_us);
	}
	if (columns_run(&c, pg, &store, &news, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		rows[i].changed = false;
	for (struct cells at = cells_of(news, NULL); cells_more(&at); cells_next(&at)) {
		struct template_row *row = &rows[cells_place(&at, n)];

		row->changed = cells_bool(&at);
	}
	pg_rows_free(news);
	return 0;
}

int store_templates(struct pg *pg, struct template_row *rows, size_t n, struct err *err)
{
	for (size_t part; n > 0; rows += part, n -= part) {
		part = distinct_prefix(rows, n);
		if (distinct_store(pg, rows, part, err) < 0)
			return -1;
	}
	return 0;
}
