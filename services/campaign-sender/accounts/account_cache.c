/* See account_cache.h. Invariant: an account that has changed is not found until it was read again, so that nothing is sent as it was
 * before the change. */
#include "campaign-sender/accounts/account_cache.h"

#include <stdlib.h>

#include "base/vec.h"
#include "campaign-sender/accounts/account_read.h"
#include "campaign-sender/accounts/account_table.h"

#define CHANGED_MAX 10000 /* more changed accounts empty the cache */

struct account_cache {
	struct account_cache_options options; /* without the keyring */
	struct keyring *keyring;
	struct account_table table;
	struct map *changed; /* uuids of accounts to be read again; values are not used */
};

struct account_cache *account_cache_new(const struct account_cache_options *options)
{
	struct account_cache *c = mem_calloc(1, sizeof(*c));

	c->options = *options;
	c->options.keyring = NULL;
	if (options->keyring) {
		c->keyring = *options->keyring;
		*options->keyring = NULL;
	}
	account_table_init(&c->table);
	c->changed = map_new();
	return c;
}

void account_cache_free(struct account_cache *c)
{
	if (!c)
		return;
	account_table_fini(&c->table);
	map_free(c->changed);
	keyring_free(c->keyring);
	free(c);
}

void account_cache_clear(struct account_cache *c)
{
	account_table_clear(&c->table);
	map_clear(c->changed);
}

void account_cache_partitions(struct account_cache *c, int32_t partitions)
{
	if (partitions == c->options.partitions)
		return;
	c->options.partitions = partitions;
	account_cache_clear(c);
}

void account_cache_use_keyring(struct account_cache *c, struct keyring **keyring)
{
	keyring_free(c->keyring);
	c->keyring = *keyring;
	*keyring = NULL;
	account_cache_clear(c);
}

/* An account that is not cached may be a new one of a workspace that is. */
void account_cache_account_changed(struct account_cache *c, const struct uuid *account)
{
	struct account_entry *e = account_table_find_uuid(&c->table, account);

	if (map_count(c->changed) >= CHANGED_MAX) {
		account_cache_clear(c);
		return;
	}
	if (e)
		account_table_drop(&c->table, e);
	if (map_count(c->table.workspaces) > 0)
		(void)map_slot(c->changed, uuid_bytes(account));
}

/* One that was not found may exist now: it is asked for again, too. */
void account_cache_workspace_changed(struct account_cache *c, const struct uuid *workspace)
{
	struct str key;
	void *value;

	for (size_t i = 0; map_each(c->table.workspaces, &i, &key, &value);) {
		struct account_workspace *w = value;

		if (!w->exists || uuid_eq(&w->settings.workspace, workspace))
			account_table_drop_workspace(&c->table, w);
	}
}

static void on_account(void *ctx, const struct sending_account *row)
{
	struct account_cache *c = ctx;
	struct account_entry *e = mem_calloc(1, sizeof(*e));

	e->arena = arena_new(1024);
	account_read(&e->account, &e->signing, row, &c->options, c->keyring, e->arena);
	account_table_put(&c->table, &e);
}

static void on_changed_account(void *ctx, const struct sending_account *row)
{
	struct account_cache *c = ctx;

	if (account_table_workspace(&c->table, row->workspace_id))
		on_account(c, row);
}

static int changed_load(struct account_cache *c, struct pg *pg, struct arena *a, struct err *err)
{
	struct uuid *uuids = ARENA_ARRAY(a, struct uuid, map_count(c->changed));
	struct str key;
	void *value;
	size_t n = 0;

	for (size_t i = 0; map_each(c->changed, &i, &key, &value);)
		uuids[n++] = *(const struct uuid *)(const void *)key.p;
	if (store_sending_accounts(pg, uuids, n, a, on_changed_account, c, err) < 0)
		return -1;
	map_clear(c->changed);
	return 0;
}

static int settings_load(struct account_cache *c, struct pg *pg, int64_t workspace_id, struct err *err)
{
	struct account_workspace *w = account_table_add_workspace(&c->table, workspace_id);
	struct arena *a;
	int found;

	if (w->arena)
		return 0;
	a = arena_new(1024);
	found = store_sending_settings(pg, workspace_id, a, &w->settings, err);
	if (found < 0) {
		arena_free(a);
		return -1;
	}
	w->arena = a;
	w->exists = found > 0;
	return 0;
}

static int workspaces_load(struct account_cache *c, struct pg *pg, const int64_t *workspaces, size_t n, struct arena *a,
	struct err *err)
{
	struct account_workspace **missing = ARENA_ARRAY(a, struct account_workspace *, n);
	int64_t *ids = ARENA_ARRAY(a, int64_t, n);
	size_t m = 0;

	for (size_t i = 0; i < n; i++) {
		if (settings_load(c, pg, workspaces[i], err) < 0)
			return -1;
		missing[m] = account_table_workspace(&c->table, workspaces[i]);
		ids[m] = workspaces[i];
		m += !missing[m]->listed;
	}
	if (store_sending_accounts_of(pg, ids, m, a, on_account, c, err) < 0)
		return -1;
	for (size_t i = 0; i < m; i++)
		missing[i]->listed = true;
	return 0;
}

int account_cache_load(struct account_cache *c, struct pg *pg, const int64_t *workspaces, size_t n, struct err *err)
{
	struct arena *a = arena_new(16384);
	int rc = changed_load(c, pg, a, err) < 0 || workspaces_load(c, pg, workspaces, n, a, err) < 0 ? -1 : 0;

	arena_free(a);
	return rc;
}

static int accounts_load(struct account_cache *c, struct pg *pg, const struct uuid *accounts, size_t n, struct arena *a,
	struct err *err)
{
	struct uuid *missing = ARENA_ARRAY(a, struct uuid, n);
	const struct account *account;
	size_t m = 0;

	for (size_t i = 0; i < n; i++)
		if (!account_table_find_uuid(&c->table, &accounts[i]))
			missing[m++] = accounts[i];
	if (store_sending_accounts(pg, missing, m, a, on_account, c, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if ((account = account_cache_find_uuid(c, &accounts[i])) &&
			settings_load(c, pg, account->workspace_id, err) < 0)
			return -1;
	return 0;
}

int account_cache_load_ids(struct account_cache *c, struct pg *pg, const struct uuid *accounts, size_t n,
	struct err *err)
{
	struct arena *a = arena_new(16384);
	int rc = changed_load(c, pg, a, err) < 0 || accounts_load(c, pg, accounts, n, a, err) < 0 ? -1 : 0;

	arena_free(a);
	return rc;
}

const struct account *account_cache_find(const struct account_cache *c, int64_t workspace_id, int64_t account_id)
{
	const struct account_entry *e = account_table_find(&c->table, workspace_id, account_id);

	return e ? &e->account : NULL;
}

const struct account *account_cache_find_uuid(const struct account_cache *c, const struct uuid *account)
{
	const struct account_entry *e = account_table_find_uuid(&c->table, account);

	return e ? &e->account : NULL;
}

const struct account *account_cache_each(const struct account_cache *c, int64_t workspace_id, size_t *i)
{
	const struct account_workspace *w = account_table_workspace(&c->table, workspace_id);

	while (w && *i < w->n) {
		const struct account *a = &w->accounts[(*i)++]->account;

		if (!a->deleted)
			return a;
	}
	return NULL;
}

const struct account *account_cache_each_cached(const struct account_cache *c, size_t *i)
{
	void *entry = NULL;
	struct str key;

	return map_each(c->table.by_id, i, &key, &entry) ? &((const struct account_entry *)entry)->account : NULL;
}

void account_cache_hold(struct account_cache *c, const struct send_hold *hold)
{
	struct account_entry *e = account_table_find(&c->table, hold->workspace_id, hold->account_id);

	if (!e || (e->account.held_at_us != PG_NO_TIME && e->account.held_at_us >= hold->at_us))
		return;
	e->account.held_at_us = hold->at_us;
	e->account.held_until_us = hold->for_ms < 0 ? INT64_MAX : hold->at_us + hold->for_ms * 1000;
	e->account.held_code = arena_str(e->arena, hold->code);
}

const struct sending_settings *account_cache_settings(const struct account_cache *c, int64_t workspace_id)
{
	const struct account_workspace *w = account_table_workspace(&c->table, workspace_id);

	return w && w->exists ? &w->settings : NULL;
}
