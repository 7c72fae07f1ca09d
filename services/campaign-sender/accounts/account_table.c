/* See account_table.h. Invariant: every entry is in its workspace's list and in both maps of accounts. */
#include "campaign-sender/accounts/account_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

void account_table_init(struct account_table *t)
{
	t->by_id = map_new();
	t->by_uuid = map_new();
	t->workspaces = map_new();
}

static void entry_free(struct account_entry *e)
{
	signing_keys_free(e->signing);
	arena_free(e->arena);
	free(e);
}

static void workspace_free(struct account_workspace *w)
{
	for (size_t i = 0; i < w->n; i++)
		entry_free(w->accounts[i]);
	arena_free(w->arena);
	free(w->accounts);
	free(w);
}

void account_table_clear(struct account_table *t)
{
	struct str key;
	void *w;

	for (size_t i = 0; map_each(t->workspaces, &i, &key, &w);)
		workspace_free(w);
	map_clear(t->workspaces);
	map_clear(t->by_id);
	map_clear(t->by_uuid);
}

void account_table_fini(struct account_table *t)
{
	account_table_clear(t);
	map_free(t->workspaces);
	map_free(t->by_id);
	map_free(t->by_uuid);
}

static struct str id_key(const int64_t *id)
{
	return (struct str){ (const char *)id, sizeof(*id) };
}

/* workspace_id, id */
struct account_key {
	int64_t ids[2];
};

static struct account_key key_of(const struct account *a)
{
	return (struct account_key){ { a->workspace_id, a->id } };
}

static struct str key_bytes(const struct account_key *k)
{
	return (struct str){ (const char *)k, sizeof(*k) };
}

struct account_workspace *account_table_workspace(const struct account_table *t, int64_t id)
{
	return map_get(t->workspaces, id_key(&id));
}

struct account_workspace *account_table_add_workspace(struct account_table *t, int64_t id)
{
	struct account_workspace *w, **slot = (struct account_workspace **)map_slot(t->workspaces, id_key(&id));

	if (*slot)
		return *slot;
	w = *slot = mem_calloc(1, sizeof(*w));
	w->id = id;
	return w;
}

static void entry_unmap(struct account_table *t, const struct account_entry *e)
{
	struct account_key key = key_of(&e->account);

	map_del(t->by_id, key_bytes(&key));
	map_del(t->by_uuid, uuid_bytes(&e->account.uuid));
}

void account_table_drop_workspace(struct account_table *t, struct account_workspace *w)
{
	for (size_t i = 0; i < w->n; i++)
		entry_unmap(t, w->accounts[i]);
	map_del(t->workspaces, id_key(&w->id));
	workspace_free(w);
}

struct account_entry *account_table_find(const struct account_table *t, int64_t workspace_id, int64_t account_id)
{
	const struct account_key key = { { workspace_id, account_id } };

	return map_get(t->by_id, key_bytes(&key));
}

struct account_entry *account_table_find_uuid(const struct account_table *t, const struct uuid *account)
{
	return map_get(t->by_uuid, uuid_bytes(account));
}

void account_table_put(struct account_table *t, struct account_entry **entry)
{
	struct account_entry *e = *entry, *old = account_table_find_uuid(t, &e->account.uuid);
	struct account_workspace *w = account_table_add_workspace(t, e->account.workspace_id);
	struct account_key key = key_of(&e->account);

	*entry = NULL;
	if (old)
		account_table_drop(t, old);
	e->workspace = w;
	w->accounts = vec_grow(w->accounts, w->n, &w->cap, sizeof(*w->accounts));
	w->accounts[w->n++] = e;
	*map_slot(t->by_id, key_bytes(&key)) = e;
	*map_slot(t->by_uuid, uuid_bytes(&e->account.uuid)) = e;
}

void account_table_drop(struct account_table *t, struct account_entry *e)
{
	struct account_workspace *w = e->workspace;
	size_t i = 0;

	while (w->accounts[i] != e)
		i++;
	memmove(&w->accounts[i], &w->accounts[i + 1], (w->n - i - 1) * sizeof(w->accounts[0]));
	w->n--;
	entry_unmap(t, e);
	entry_free(e);
}
