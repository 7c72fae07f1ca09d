/* Entries by key, in two generations; see limits.h. Invariant: a key is in at most one of them. */
#include "ingest/limits/limits.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"

struct limiter {
	size_t max_young;
	struct map *young, *old;
};

struct limiter *limiter_new(size_t max_keys)
{
	struct limiter *l = mem_calloc(1, sizeof(*l));

	l->max_young = max_keys / 2 > 0 ? max_keys / 2 : 1;
	l->young = map_new();
	l->old = map_new();
	return l;
}

static void generation_clear(struct map *m)
{
	struct str key;
	void *entry;
	size_t i = 0;

	while (map_each(m, &i, &key, &entry))
		free(entry);
	map_clear(m);
}

void limiter_free(struct limiter *l)
{
	if (!l)
		return;
	generation_clear(l->young);
	generation_clear(l->old);
	map_free(l->young);
	map_free(l->old);
	free(l);
}

static void generations_rotate(struct limiter *l)
{
	struct map *forgotten = l->old;

	generation_clear(forgotten);
	l->old = l->young;
	l->young = forgotten;
}

static struct limiter_entry *young_put(struct limiter *l, struct str key, struct limiter_entry *e)
{
	if (map_count(l->young) >= l->max_young)
		generations_rotate(l);
	*map_slot(l->young, key) = e;
	return e;
}

struct limiter_entry *limiter_find(struct limiter *l, struct str key)
{
	struct limiter_entry *e = map_get(l->young, key);

	if (e)
		return e;
	e = map_get(l->old, key);
	if (!e)
		return NULL;
	map_del(l->old, key);
	return young_put(l, key, e);
}

struct limiter_entry *limiter_entry(struct limiter *l, struct str key)
{
	struct limiter_entry *e = limiter_find(l, key);

	return e ? e : young_put(l, key, mem_calloc(1, sizeof(*e)));
}
