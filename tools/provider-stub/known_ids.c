/* See known_ids.h. */
#include "known_ids.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "base/map.h"

struct entry {
	TAILQ_ENTRY(entry) link; /* oldest first */
	struct known_id id;
	struct buf key;
};

struct known_ids {
	struct map *by_key;
	TAILQ_HEAD(, entry) entries;
	size_t keep;
	int64_t ttl_ms;
};

struct known_ids *known_ids_new(size_t keep, int64_t ttl_ms)
{
	struct known_ids *k = mem_calloc(1, sizeof(*k));

	k->by_key = map_new();
	TAILQ_INIT(&k->entries);
	k->keep = keep;
	k->ttl_ms = ttl_ms;
	return k;
}

static void entry_free(struct entry *e)
{
	buf_fini(&e->key);
	free(e);
}

static void forget(struct known_ids *k, struct entry *e)
{
	map_del(k->by_key, buf_str(&e->key));
	TAILQ_REMOVE(&k->entries, e, link);
	entry_free(e);
}

void known_ids_free(struct known_ids *k)
{
	struct str key;
	void *entry;

	if (!k)
		return;
	for (size_t i = 0; map_each(k->by_key, &i, &key, &entry);)
		entry_free(entry);
	map_free(k->by_key);
	free(k);
}

static void key_write(struct buf *out, enum stub_provider provider, struct str account, struct str client_message_id)
{
	buf_add_char(out, (char)('0' + (int)provider));
	buf_add_str(out, account);
	buf_add_char(out, '\n');
	buf_add_str(out, client_message_id);
}

const struct known_id *known_ids_find(const struct known_ids *k, enum stub_provider provider, struct str account,
	struct str client_message_id, int64_t now_ms)
{
	struct buf key = BUF_INIT;
	const struct entry *e;

	key_write(&key, provider, account, client_message_id);
	e = map_get(k->by_key, buf_str(&key));
	buf_fini(&key);
	return e && now_ms - e->id.at_ms < k->ttl_ms ? &e->id : NULL;
}

void known_ids_put(struct known_ids *k, enum stub_provider provider, struct str account, struct str client_message_id,
	const struct known_id *id)
{
	struct entry *e = mem_calloc(1, sizeof(*e)), *before;

	key_write(&e->key, provider, account, client_message_id);
	before = map_get(k->by_key, buf_str(&e->key));
	if (before)
		forget(k, before);
	else if (map_count(k->by_key) >= k->keep)
		forget(k, TAILQ_FIRST(&k->entries));
	e->id = *id;
	*map_slot(k->by_key, buf_str(&e->key)) = e;
	TAILQ_INSERT_TAIL(&k->entries, e, link);
}

size_t known_ids_count(const struct known_ids *k)
{
	return map_count(k->by_key);
}
