/* A hash table in the shape of Python's dict: entries in a plain array, in order of insertion, and beside it an
 * open-addressed index of positions in that array.
 *
 *    index (hash)   [ 0 | 2 | 0 | 1 | 0 | 0 | 3 | 0 ]    position in entries plus one; 0 is free
 *    entries        [ "b" | dead | "a" | ... ]           in order of insertion
 *
 * Deleting leaves a dead entry (no key) in its place, so that neither the order nor an iteration in progress is
 * disturbed. When the array is full, both are rebuilt without the dead entries, whose keys are freed then. Invariant:
 * at most half of the index is in use, so every probe terminates. Keys come from outside: the hash is seeded randomly,
 * which makes collisions hard to prepare.
 */
#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/rng.h"

#define INDEX_MIN      16
#define KEYS_MIN_BYTES 512

struct entry {
	uint64_t hash;
	const char *key; /* in keys; NULL in a dead entry */
	size_t key_n;
	void *value;
};

struct map {
	struct entry *entries;
	struct arena *keys;
	uint32_t *index;    /* position in entries plus one; 0 is free */
	size_t index_n;     /* a power of two; entries has room for half as many */
	size_t used, count; /* entries including and excluding dead ones */
};

static uint64_t seed;

static void seed_draw(void)
{
	rng_bytes(&seed, sizeof(seed));
}

/* Folds both halves of the product: each input bit affects about half of the output bits. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	__extension__ unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Eight bytes at a time, as wyhash does: hashing keys is the most frequent operation of a batch. */
static uint64_t key_hash(struct str key)
{
	uint64_t h = seed ^ key.n, eight;

	for (; key.n >= sizeof(eight); key = str_slice(key, sizeof(eight), key.n)) {
		memcpy(&eight, key.p, sizeof(eight));
		h = mix(h ^ eight, 0xe7037ed1a0b428dbu);
	}
	eight = 0;
	if (key.n > 0)
		memcpy(&eight, key.p, key.n);
	return mix(h ^ eight, 0x8ebc6af09c88c6e3u);
}

static void map_allocate(struct map *m, size_t index_n)
{
	m->index_n = index_n;
	m->index = mem_calloc(index_n, sizeof(*m->index));
	m->entries = mem_calloc(index_n / 2, sizeof(*m->entries));
	m->used = 0;
}

struct map *map_new(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct map *m = mem_calloc(1, sizeof(*m));

	pthread_once(&once, seed_draw);
	m->keys = arena_new(KEYS_MIN_BYTES);
	map_allocate(m, INDEX_MIN);
	return m;
}

void map_clear(struct map *m)
{
	arena_reset(m->keys);
	memset(m->index, 0, m->index_n * sizeof(*m->index));
	m->used = m->count = 0;
}

void map_free(struct map *m)
{
	if (!m)
		return;
	arena_free(m->keys);
	free(m->index);
	free(m->entries);
	free(m);
}

size_t map_count(const struct map *m)
{
	return m->count;
}

static bool entry_is(const struct entry *e, uint64_t hash, struct str key)
{
	return e->key && e->hash == hash && e->key_n == key.n && (key.n == 0 || memcmp(e->key, key.p, key.n) == 0);
}

static struct entry *map_find(const struct map *m, uint64_t hash, struct str key)
{
	for (size_t i = hash & (m->index_n - 1); m->index[i]; i = (i + 1) & (m->index_n - 1)) {
		struct entry *e = &m->entries[m->index[i] - 1];

		if (entry_is(e, hash, key))
			return e;
	}
	return NULL;
}

static struct entry *map_append(struct map *m, const struct entry *e)
{
	size_t i = e->hash & (m->index_n - 1);

	while (m->index[i])
		i = (i + 1) & (m->index_n - 1);
	m->entries[m->used] = *e;
	m->index[i] = (uint32_t)++m->used;
	return &m->entries[m->used - 1];
}

/* Drops dead entries and makes room for at least twice the live ones: insertion stays O(1) amortised. */
static void map_rebuild(struct map *m)
{
	struct map old = *m;
	size_t index_n = INDEX_MIN;

	while (index_n < 4 * old.count)
		index_n *= 2;
	map_allocate(m, index_n);
	if (old.count < old.used)
		m->keys = arena_new(KEYS_MIN_BYTES);
	for (size_t i = 0; i < old.used; i++) {
		struct entry *e = &old.entries[i];

		if (!e->key)
			continue;
		if (m->keys != old.keys)
			e->key = arena_cstr(m->keys, (struct str){ e->key, e->key_n });
		map_append(m, e);
	}
	if (m->keys != old.keys)
		arena_free(old.keys);
	free(old.index);
	free(old.entries);
}

void *map_get(const struct map *m, struct str key)
{
	const struct entry *e = map_find(m, key_hash(key), key);

	return e ? e->value : NULL;
}

void **map_slot(struct map *m, struct str key)
{
	struct entry fresh = { .hash = key_hash(key), .key_n = key.n };
	struct entry *e = map_find(m, fresh.hash, key);

	if (e)
		return &e->value;
	if (m->used == m->index_n / 2)
		map_rebuild(m);
	fresh.key = arena_cstr(m->keys, key);
	m->count++;
	return &map_append(m, &fresh)->value;
}

void map_del(struct map *m, struct str key)
{
	struct entry *e = map_find(m, key_hash(key), key);

	if (!e)
		return;
	e->key = NULL;
	e->value = NULL;
	m->count--;
}

bool map_each(const struct map *m, size_t *i, struct str *key, void **value)
{
	while (*i < m->used) {
		const struct entry *e = &m->entries[(*i)++];

		if (e->key) {
			*key = (struct str){ e->key, e->key_n };
			*value = e->value;
			return true;
		}
	}
	return false;
}
