/* Aliases of contacts; see contacts.h. Invariant: an alias belongs to one contact of the workspace, also when several
 * transactions insert it at once. */
#include <stdlib.h>

#include "store/cells.h"
#include "store/columns.h"
#include "store/contacts.h"
#include "store/private.h"
#include "store/statements.h"

#define ALIAS_ARRAYS "unnest($1::bigint[], $2::text[], $3::text[], $4::text[])"

/* In order of contacts, so that each is passed on once. */
static const struct pg_stmt find = { "aliases_find", PG_UNNAMED,
	"SELECT r.place, " CONTACT_COLUMNS " FROM " ALIAS_ARRAYS
	" WITH ORDINALITY AS r (workspace_id, kind, scope, value, place)"
	" CROSS JOIN LATERAL (SELECT a.contact_id FROM contact_aliases a WHERE a.workspace_id = r.workspace_id"
	" AND a.kind = r.kind AND a.scope = r.scope AND a.value = r.value OFFSET 0) AS a"
	" CROSS JOIN LATERAL (SELECT * FROM contacts c WHERE c.workspace_id = r.workspace_id AND c.id = a.contact_id OFFSET 0) AS c"
	" ORDER BY c.workspace_id, c.id" };

/* The arrays are sorted: the transactions of two partitions that insert the same aliases lock them in one order. */
static const struct pg_stmt insert = { "aliases_insert", PG_UNNAMED,
	"INSERT INTO contact_aliases (workspace_id, kind, scope, value, contact_id)"
	" SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[])"
	" ON CONFLICT DO NOTHING RETURNING workspace_id, kind, scope, value" };

static const struct pg_stmt delete = { "aliases_delete", PG_UNNAMED,
	"DELETE FROM contact_aliases AS a USING " ALIAS_ARRAYS " AS r (workspace_id, kind, scope, value)"
	" WHERE a.workspace_id = r.workspace_id AND a.kind = r.kind AND a.scope = r.scope AND a.value = r.value" };

static const struct pg_stmt retire = { "alias_retire", PG_PREPARED,
	"WITH former AS (INSERT INTO contact_former_aliases (workspace_id, kind, scope, value, until, contact_id)"
	" VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING workspace_id, kind, scope, value)"
	" DELETE FROM contact_aliases AS a USING former AS f"
	" WHERE a.workspace_id = f.workspace_id AND a.kind = f.kind AND a.scope = f.scope AND a.value = f.value" };

static const struct pg_stmt find_former = {
	"aliases_find_former", PG_UNNAMED,
	"SELECT r.place, f.until, " CONTACT_COLUMNS " FROM " ALIAS_ARRAYS
	" WITH ORDINALITY AS r (workspace_id, kind, scope, value, place)"
	" CROSS JOIN LATERAL (SELECT f.contact_id, f.until FROM contact_former_aliases f WHERE f.workspace_id = r.workspace_id"
	" AND f.kind = r.kind AND f.scope = r.scope AND f.value = r.value ORDER BY f.until DESC LIMIT 1) AS f"
	" CROSS JOIN LATERAL (SELECT * FROM contacts c WHERE c.workspace_id = r.workspace_id AND c.id = f.contact_id OFFSET 0) AS c"
};

const struct pg_stmt *const aliases_statements[] = { &find, &find_former, &insert, &delete, &retire, NULL };

const char *store_alias_kind_word(enum alias_kind k)
{
	static const char *const words[] = { "phone", "lid", "bsuid", "username", "jid" };

	return (size_t)k < sizeof(words) / sizeof(words[0]) ? words[k] : "";
}

enum alias_kind store_alias_kind_parse(struct str word)
{
	enum alias_kind k = ALIAS_PHONE;

	while (k < ALIAS_JID && !str_is(word, store_alias_kind_word(k)))
		k++;
	return k;
}

static struct str alias_scope(const struct alias_row *a)
{
	return a->scope.p ? a->scope : STR("");
}

static void columns_alias(struct columns *c, const struct alias_row *a)
{
	columns_row(c);
	columns_i64(c, a->workspace_id);
	columns_word(c, store_alias_kind_word(a->kind));
	columns_text(c, alias_scope(a));
	columns_text(c, a->value);
}

static int aliases_run(struct pg *pg, const struct pg_stmt *stmt, const struct alias_row *aliases, size_t n,
	struct pg_rows **rows, struct err *err)
{
	struct columns c;

	columns_init(&c);
	for (size_t i = 0; i < n; i++)
		columns_alias(&c, &aliases[i]);
	return columns_run(&c, pg, stmt, rows, err);
}

/* Whether the next cells are those of this contact. */
static bool contact_is_next(struct cells ahead, const struct contact_row *row)
{
	return cells_i64(&ahead) == row->workspace_id && cells_i64(&ahead) == row->id;
}

int store_aliases_find(struct pg *pg, struct alias_row *aliases, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct contact_row *row), void *ctx, struct err *err)
{
	struct contact_row row = { 0 };
	struct pg_rows *rows = NULL;

	if (n == 0)
		return 0;
	if (aliases_run(pg, &find, aliases, n, &rows, err) < 0)
		return -1;
	for (struct cells at = cells_of(rows, a); cells_more(&at); cells_next(&at)) {
		struct alias_row *alias = &aliases[cells_place(&at, n)];

		if (!contact_is_next(at, &row)) {
			store_contact_read(&at, &row);
			each(ctx, &row);
		}
		alias->contact_id = row.id;
	}
	pg_rows_free(rows);
	return 0;
}

int store_aliases_find_former(struct pg *pg, struct alias_row *aliases, int64_t *until_us, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct contact_row *row), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (n == 0)
		return 0;
	if (aliases_run(pg, &find_former, aliases, n, &rows, err) < 0)
		return -1;
	for (struct cells at = cells_of(rows, a); cells_more(&at); cells_next(&at)) {
		struct contact_row row = { 0 };
		size_t i = cells_place(&at, n);

		until_us[i] = cells_time(&at);
		store_contact_read(&at, &row);
		aliases[i].contact_id = row.id;
		each(ctx, &row);
	}
	pg_rows_free(rows);
	return 0;
}

static int alias_cmp(const void *x, const void *y)
{
	const struct alias_row *a = *(const struct alias_row *const *)x, *b = *(const struct alias_row *const *)y;
	int c;

	if (a->workspace_id != b->workspace_id)
		return a->workspace_id < b->workspace_id ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	c = str_cmp(alias_scope(a), alias_scope(b));
	return c ? c : str_cmp(a->value, b->value);
}

static bool alias_is_at(struct cells *c, const struct alias_row *a)
{
	bool same;

	c->col = 0;
	same = cells_i64(c) == a->workspace_id;
	same = str_is(cells_borrow(c), store_alias_kind_word(a->kind)) && same;
	same = str_eq(cells_borrow(c), alias_scope(a)) && same;
	return str_eq(cells_borrow(c), a->value) && same;
}

/* Inserted rows are returned in the order of the arguments. */
static void inserted_mark(const struct pg_rows *rows, const struct alias_row *const *sorted, size_t n,
	const struct alias_row *aliases, bool *inserted)
{
	struct cells at = cells_of(rows, NULL);

	for (size_t i = 0; i < n; i++) {
		bool won = cells_more(&at) && alias_is_at(&at, sorted[i]);

		inserted[sorted[i] - aliases] = won;
		if (won)
			cells_next(&at);
	}
}

int store_aliases_insert(struct pg *pg, const struct alias_row *aliases, size_t n, bool *inserted, struct err *err)
{
	const struct alias_row **sorted;
	struct pg_rows *rows = NULL;
	struct columns c;
	int rc = -1;

	if (n == 0)
		return 0;
	sorted = mem_calloc(n, sizeof(const struct alias_row *));
	for (size_t i = 0; i < n; i++)
		sorted[i] = &aliases[i];
	qsort(sorted, n, sizeof(const struct alias_row *), alias_cmp);
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_alias(&c, sorted[i]);
		columns_i64(&c, sorted[i]->contact_id);
	}
	if (columns_run(&c, pg, &insert, &rows, err) < 0)
		goto out;
	inserted_mark(rows, sorted, n, aliases, inserted);
	rc = 0;
out:
	pg_rows_free(rows);
	free(sorted);
	return rc;
}

int store_aliases_delete(struct pg *pg, const struct alias_row *aliases, size_t n, struct err *err)
{
	return n == 0 ? 0 : aliases_run(pg, &delete, aliases, n, NULL, err);
}

int store_alias_retire(struct pg *pg, const struct alias_row *alias, int64_t until_us, bool *news, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, alias->workspace_id);
	pg_arg_text(args, str_of(store_alias_kind_word(alias->kind)));
	pg_arg_text(args, alias_scope(alias));
	pg_arg_text(args, alias->value);
	pg_arg_time_us(args, until_us);
	pg_arg_i64(args, alias->contact_id);
	rc = pg_run(pg, &retire, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	*news = pg_rows_affected(rows) > 0;
	pg_rows_free(rows);
	return 0;
}
