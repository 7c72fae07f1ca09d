/* One map from every name to its account or app; see catalogue.h.
 *
 *   names: NAME_WABA + app ──► account ──waba_next──► account ──► ...   (several accounts of one WABA)
 *          any other name  ──► account, or app for NAME_APP
 */
#include "ingest/accounts/catalogue.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"

struct catalogue {
	struct map *names; /* from name_key to struct catalogue_app for NAME_APP, else to struct catalogue_account */
	size_t accounts, apps;
};

struct catalogue_account *catalogue_account_new(void)
{
	struct catalogue_account *a = mem_calloc(1, sizeof(*a));

	a->arena = arena_new(1024);
	return a;
}

void catalogue_account_free(struct catalogue_account *a)
{
	if (!a)
		return;
	arena_free(a->arena);
	free(a);
}

struct catalogue_app *catalogue_app_new(void)
{
	struct catalogue_app *a = mem_calloc(1, sizeof(*a));

	a->arena = arena_new(1024);
	return a;
}

void catalogue_app_free(struct catalogue_app *a)
{
	if (!a)
		return;
	arena_free(a->arena);
	free(a);
}

struct str name_key(const struct name *name, struct name_key *out)
{
	if (name->text.n > NAME_MAX_BYTES)
		return STR("");
	out->bytes[0] = (char)name->kind;
	memcpy(out->bytes + 1, name->app.b, sizeof(name->app.b));
	if (name->text.n > 0)
		memcpy(out->bytes + 17, name->text.p, name->text.n);
	out->n = 17 + name->text.n;
	return (struct str){ out->bytes, out->n };
}

struct name name_of_key(struct str key)
{
	struct name name = { .kind = (enum name_kind)key.p[0], .text = str_slice(key, 17, key.n) };

	memcpy(name.app.b, key.p + 1, sizeof(name.app.b));
	return name;
}

static struct name account_name(const struct uuid *id)
{
	return (struct name){ .kind = NAME_ACCOUNT, .text = uuid_bytes(id) };
}

static struct name app_name(const struct uuid *id)
{
	return (struct name){ .kind = NAME_APP, .text = uuid_bytes(id) };
}

struct name name_of_row(const int64_t *row)
{
	return (struct name){ .kind = NAME_ROW, .text = { (const char *)row, sizeof(*row) } };
}

#define ACCOUNT_NAMES 5

/* The account's names, the WABA's first; absent ones are omitted. */
static size_t names_of(const struct catalogue_account *a, struct name out[static ACCOUNT_NAMES])
{
	size_t n = 0;

	if (a->info.waba_id.n > 0)
		out[n++] = (struct name){ NAME_WABA, a->app, a->info.waba_id };
	if (a->info.phone_number_id.n > 0)
		out[n++] = (struct name){ NAME_NUMBER, a->app, a->info.phone_number_id };
	if (a->info.session_id.n > 0)
		out[n++] = (struct name){ .kind = NAME_SESSION, .text = a->info.session_id };
	if (a->id > 0)
		out[n++] = name_of_row(&a->id);
	out[n++] = account_name(&a->info.id);
	return n;
}

static void *find(const struct catalogue *c, const struct name *name)
{
	struct name_key key;

	return map_get(c->names, name_key(name, &key));
}

struct catalogue *catalogue_new(void)
{
	struct catalogue *c = mem_calloc(1, sizeof(*c));

	c->names = map_new();
	return c;
}

static void value_free(struct str key, void *value)
{
	if (key.p[0] == NAME_ACCOUNT)
		catalogue_account_free(value);
	else if (key.p[0] == NAME_APP)
		catalogue_app_free(value);
}

void catalogue_free(struct catalogue *c)
{
	struct str key;
	void *value;
	size_t i = 0;

	if (!c)
		return;
	while (map_each(c->names, &i, &key, &value))
		value_free(key, value);
	map_free(c->names);
	free(c);
}

static void waba_unlink(struct catalogue *c, struct str key, const struct catalogue_account *a)
{
	struct catalogue_account *head = map_get(c->names, key), **at = &head;

	while (*at && *at != a)
		at = &(*at)->waba_next;
	if (*at)
		*at = a->waba_next;
	if (head)
		*map_slot(c->names, key) = head;
	else
		map_del(c->names, key);
}

/* Removes the name, unless it now belongs to another account. */
static void name_drop(struct catalogue *c, const struct name *name, const struct catalogue_account *a)
{
	struct name_key storage;
	struct str key = name_key(name, &storage);

	if (name->kind == NAME_WABA)
		waba_unlink(c, key, a);
	else if (map_get(c->names, key) == a)
		map_del(c->names, key);
}

void catalogue_drop_account(struct catalogue *c, const struct uuid *id)
{
	struct name name = account_name(id), names[ACCOUNT_NAMES];
	struct catalogue_account *a = find(c, &name);
	size_t n;

	if (!a)
		return;
	n = names_of(a, names);
	for (size_t i = 0; i < n; i++)
		name_drop(c, &names[i], a);
	catalogue_account_free(a);
	c->accounts--;
}

static void name_put(struct catalogue *c, const struct name *name, struct catalogue_account *a)
{
	struct name_key storage;
	struct str key = name_key(name, &storage);
	void **slot;

	if (key.n == 0)
		return;
	slot = map_slot(c->names, key);
	if (name->kind == NAME_WABA)
		a->waba_next = *slot;
	*slot = a;
}

void catalogue_put_account(struct catalogue *c, struct catalogue_account **account)
{
	struct catalogue_account *a = *account;
	struct name names[ACCOUNT_NAMES];
	size_t n;

	*account = NULL;
	catalogue_drop_account(c, &a->info.id);
	n = names_of(a, names);
	for (size_t i = 0; i < n; i++)
		name_put(c, &names[i], a);
	c->accounts++;
}

void catalogue_drop_app(struct catalogue *c, const struct uuid *id)
{
	struct name name = app_name(id);
	struct catalogue_app *app = find(c, &name);
	struct name_key key;

	if (!app)
		return;
	map_del(c->names, name_key(&name, &key));
	catalogue_app_free(app);
	c->apps--;
}

void catalogue_put_app(struct catalogue *c, struct catalogue_app **app)
{
	struct name name = app_name(&(*app)->id);
	struct name_key key;

	catalogue_drop_app(c, &(*app)->id);
	*map_slot(c->names, name_key(&name, &key)) = *app;
	*app = NULL;
	c->apps++;
}

bool catalogue_has(const struct catalogue *c, const struct name *name)
{
	return find(c, name) != NULL;
}

const struct catalogue_account *catalogue_account(const struct catalogue *c, const struct name *name)
{
	return find(c, name);
}

const struct catalogue_app *catalogue_app(const struct catalogue *c, const struct uuid *id)
{
	struct name name = app_name(id);

	return find(c, &name);
}

size_t catalogue_accounts(const struct catalogue *c)
{
	return c->accounts;
}

size_t catalogue_apps(const struct catalogue *c)
{
	return c->apps;
}
