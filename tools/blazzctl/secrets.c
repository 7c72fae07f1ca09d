/* blazzctl secrets status: every sealed value, by table and key. Invariant: an opened value is in one buffer only, and is wiped before the
 * next one is opened. */
#include "secrets.h"

#include <stdlib.h>

#include "base/vec.h"
#include "crypto/sealed_row.h"

#define PAGE_ROWS 100
#define LIST_ROWS 100

int secrets_scan(struct pg *pg, secrets_each *each, void *ctx, struct err *err)
{
	struct arena *a = arena_new(65536);
	struct sealed_value page[PAGE_ROWS];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sealed_columns_count; i++) {
		const struct sealed_column *c = &sealed_columns[i];
		struct sealed_key after = { 0, 0 };
		size_t n = PAGE_ROWS;

		while (rc == 0 && n == PAGE_ROWS) {
			arena_reset(a);
			rc = store_sealed_page(pg, c, after, PAGE_ROWS, a, page, &n, err);
			for (size_t k = 0; rc == 0 && k < n; k++) {
				rc = each(ctx, c, &page[k], err);
				after = page[k].key;
			}
		}
	}
	arena_free(a);
	return rc;
}

int secrets_open(const struct keyring *keyring, const struct sealed_column *c, const struct sealed_value *v,
	struct buf *plain, struct err *err)
{
	buf_wipe(plain);
	buf_reserve(plain, SEALED_VALUE_MAX);
	return row_unseal(keyring, c->what, &v->row, v->sealed, plain, err);
}

/* The tally */

void secrets_tally_init(struct secrets_tally *t)
{
	static const char *const columns[] = { "table", "row", "key", "reason", NULL };

	*t = (struct secrets_tally){ .arena = arena_new(1024), .list = table_new(columns) };
}

void secrets_tally_fini(struct secrets_tally *t)
{
	table_free(t->list);
	free(t->counts);
	arena_free(t->arena);
}

static struct secrets_count *count_of(struct secrets_tally *t, const struct sealed_column *c, struct str key)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->counts[i].column == c && str_cmp(t->counts[i].key, key) == 0)
			return &t->counts[i];
	t->counts = vec_grow(t->counts, t->n, &t->cap, sizeof(*t->counts));
	t->counts[t->n] = (struct secrets_count){ .column = c, .key = arena_str(t->arena, key) };
	return &t->counts[t->n++];
}

void secrets_tally_add(struct secrets_tally *t, const struct sealed_column *c, const struct sealed_value *v,
	const char *reason)
{
	struct str key = seal_key_id(v->sealed);
	struct secrets_count *count = count_of(t, c, key);

	count->values++;
	if (!reason)
		return;
	count->not_opened++;
	if (t->not_opened++ >= LIST_ROWS)
		return;
	table_text(t->list, str_of(c->table));
	table_uuid(t->list, &v->row);
	table_text(t->list, key);
	table_text(t->list, str_of(reason));
}

static struct table *counts_table(const struct secrets_tally *t, const struct keyring *keyring)
{
	static const char *const columns[] = { "table", "key", "values", "not_opened", NULL };
	static const char *const columns_seals[] = { "table", "key", "seals", "values", "not_opened", NULL };
	struct table *out = table_new(keyring ? columns_seals : columns);

	for (size_t i = 0; i < t->n; i++) {
		const struct secrets_count *count = &t->counts[i];

		table_text(out, str_of(count->column->table));
		table_text(out, count->key);
		if (keyring)
			table_bool(out, str_cmp(count->key, keyring_key_id(keyring, 0)) == 0);
		table_i64(out, count->values);
		table_i64(out, count->not_opened);
	}
	return out;
}

int secrets_tally_print(const struct secrets_tally *t, const struct keyring *keyring, const char *title, bool json,
	struct err *err)
{
	struct table *counts = counts_table(t, keyring);

	tables_print((const struct titled_table[]){ { title, counts }, { "not_opened", t->list }, { 0 } }, json);
	table_free(counts);
	if (t->not_opened == 0)
		return 0;
	return err_set(err, ERR_INPUT, "not_opened", "%lld sealed values cannot be opened with this keyring",
		(long long)t->not_opened);
}

/* status */

struct status {
	const struct keyring *keyring;
	struct secrets_tally tally;
	struct buf plain;
};

static int status_add(void *ctx, const struct sealed_column *c, const struct sealed_value *v, struct err *err)
{
	struct status *s = ctx;
	struct err failure;
	int rc = secrets_open(s->keyring, c, v, &s->plain, &failure);

	if (rc < 0 && failure.kind != ERR_INPUT) {
		*err = failure;
		return -1;
	}
	secrets_tally_add(&s->tally, c, v, rc < 0 ? failure.code : NULL);
	return 0;
}

static int status(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct status s = { .plain = BUF_INIT };
	struct pg *pg;
	int rc = -1;

	(void)options;
	(void)arguments;
	secrets_tally_init(&s.tally);
	if (ctl_keyring(ctl, &s.keyring, err) == 0 && ctl_pg_admin(ctl, &pg, err) == 0)
		rc = secrets_scan(pg, status_add, &s, err);
	ctl_secret_free(&s.plain);
	if (rc == 0)
		rc = secrets_tally_print(&s.tally, s.keyring, "values", ctl->json, err);
	secrets_tally_fini(&s.tally);
	return rc;
}

const struct command secrets_commands[] = {
	{ "secrets", "status", NULL, 0, 0, NULL, 0,
		"counts sealed values by table and key, and lists those that cannot be opened", status },
	{ 0 },
};
