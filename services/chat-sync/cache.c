/* See cache.h. */
#include "chat-sync/cache.h"

#include <stdlib.h>
#include <string.h>

#define ENTRY_BYTES 128 /* of a map: the entry, its share of the index, the key as malloc rounds it */
#define KEY_MAX     2048 /* an alias or a jid is at most 512 bytes (wire/inbound.h) */

struct key {
	char bytes[KEY_MAX];
	size_t n;
};

static void key_bytes(struct key *k, const void *p, size_t n)
{
	if (k->n + n > sizeof(k->bytes))
		abort(); /* decoding an event checks the lengths */
	if (n > 0)
		memcpy(k->bytes + k->n, p, n);
	k->n += n;
}

static void key_i64(struct key *k, int64_t v)
{
	key_bytes(k, &v, sizeof(v));
}

static void key_str(struct key *k, struct str s)
{
	key_i64(k, (int64_t)s.n);
	key_bytes(k, s.p, s.n);
}

static struct str key_of(const struct key *k)
{
	return (struct str){ k->bytes, k->n };
}

/* Each of these starts a key by setting n; clearing KEY_MAX bytes for each look-up would cost more than the look-up. */

static void key_alias(struct key *k, const struct alias_row *a)
{
	k->n = 0;
	key_i64(k, a->workspace_id);
	key_i64(k, a->kind);
	key_str(k, a->scope);
	key_str(k, a->value);
}

static void key_group(struct key *k, int64_t workspace_id, struct str jid)
{
	k->n = 0;
	key_i64(k, workspace_id);
	key_str(k, jid);
}

static void key_conversation(struct key *k, const struct account *a, int64_t contact_id, int64_t group_id)
{
	k->n = 0;
	key_i64(k, a->row.id);
	key_i64(k, contact_id);
	key_i64(k, group_id);
}

void cache_init(struct cache *cache, size_t max_bytes, int64_t ttl_ms)
{
	*cache = (struct cache){
		.arena = arena_new(1 << 20),
		.accounts = map_new(),
		.aliases = map_new(),
		.contacts = map_new(),
		.groups = map_new(),
		.conversations = map_new(),
		.conversation_ids = map_new(),
		.max_bytes = max_bytes,
		.ttl_ms = ttl_ms,
	};
}

void cache_fini(struct cache *cache)
{
	map_free(cache->accounts);
	map_free(cache->aliases);
	map_free(cache->contacts);
	map_free(cache->groups);
	map_free(cache->conversations);
	map_free(cache->conversation_ids);
	arena_free(cache->arena);
}

void cache_clear(struct cache *cache)
{
	map_clear(cache->accounts);
	map_clear(cache->aliases);
	map_clear(cache->contacts);
	map_clear(cache->groups);
	map_clear(cache->conversations);
	map_clear(cache->conversation_ids);
	arena_reset(cache->arena);
}

static size_t cache_bytes(const struct cache *cache)
{
	const struct map *maps[] = { cache->accounts, cache->aliases, cache->contacts, cache->groups,
		cache->conversations, cache->conversation_ids };
	size_t bytes = arena_used_bytes(cache->arena);

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		bytes += map_count(maps[i]) * ENTRY_BYTES;
	return bytes;
}

void cache_trim(struct cache *cache)
{
	if (cache_bytes(cache) > cache->max_bytes)
		cache_clear(cache);
}

struct account *cache_account(const struct cache *cache, const struct uuid *id, int64_t now_mono_ms)
{
	struct account *a = map_get(cache->accounts, uuid_bytes(id));

	return a && now_mono_ms - a->read_mono_ms <= cache->ttl_ms ? a : NULL;
}

struct contact *cache_contact(const struct cache *cache, int64_t workspace_id, int64_t id)
{
	int64_t key[] = { workspace_id, id };

	return map_get(cache->contacts, (struct str){ (const char *)key, sizeof(key) });
}

struct contact *cache_alias(const struct cache *cache, const struct alias_row *alias, int64_t now_mono_ms)
{
	struct key k;
	struct contact *c;

	key_alias(&k, alias);
	c = map_get(cache->aliases, key_of(&k));
	return c && now_mono_ms - c->read_mono_ms <= cache->ttl_ms ? c : NULL;
}

struct group *cache_group(const struct cache *cache, int64_t workspace_id, struct str jid)
{
	struct key k;

	key_group(&k, workspace_id, jid);
	return map_get(cache->groups, key_of(&k));
}

struct conversation *cache_conversation(const struct cache *cache, const struct account *a, const struct contact *c,
	const struct group *g)
{
	struct key k;

	key_conversation(&k, a, c ? c->row.id : 0, g ? g->row.id : 0);
	return map_get(cache->conversations, key_of(&k));
}

struct conversation *cache_conversation_by_id(const struct cache *cache, int64_t id)
{
	return map_get(cache->conversation_ids, (struct str){ (const char *)&id, sizeof(id) });
}

struct account *cache_put_account(struct cache *cache, const struct account_row *row, int64_t now_mono_ms)
{
	void **place = map_slot(cache->accounts, uuid_bytes(&row->uuid));
	struct account *a = *place;

	if (!a)
		*place = a = ARENA_NEW(cache->arena, struct account);
	a->row = *row;
	a->row.phone_number = arena_str(cache->arena, row->phone_number);
	a->row.business_id = arena_str(cache->arena, row->business_id);
	a->row.status = arena_str(cache->arena, row->status);
	a->row.disconnect_reason = arena_str(cache->arena, row->disconnect_reason);
	a->row.disconnect_details = arena_str(cache->arena, row->disconnect_details);
	a->row.reported_phone = arena_str(cache->arena, row->reported_phone);
	a->row.sync = arena_str(cache->arena, row->sync);
	a->read_mono_ms = row->deleted ? now_mono_ms - cache->ttl_ms : now_mono_ms;
	return a;
}

struct contact *cache_put_contact(struct cache *cache, const struct contact_row *row, int64_t now_mono_ms)
{
	int64_t key[] = { row->workspace_id, row->id };
	void **place = map_slot(cache->contacts, (struct str){ (const char *)key, sizeof(key) });
	struct contact *c = *place;

	if (!c)
		*place = c = ARENA_NEW(cache->arena, struct contact);
	c->row = *row;
	c->row.first_name = arena_str(cache->arena, row->first_name);
	c->row.last_name = arena_str(cache->arena, row->last_name);
	c->row.full_name = arena_str(cache->arena, row->full_name);
	c->row.phone = arena_str(cache->arena, row->phone);
	c->row.match_key = arena_str(cache->arena, row->match_key);
	c->row.email = arena_str(cache->arena, row->email);
	c->row.profile_picture = arena_str(cache->arena, row->profile_picture);
	c->read = c->row;
	c->read_mono_ms = now_mono_ms;
	return c;
}

void cache_put_alias(struct cache *cache, const struct alias_row *alias, struct contact *contact)
{
	struct key k;

	key_alias(&k, alias);
	*map_slot(cache->aliases, key_of(&k)) = contact;
}

void cache_remove_alias(struct cache *cache, const struct alias_row *alias)
{
	struct key k;

	key_alias(&k, alias);
	map_del(cache->aliases, key_of(&k));
}

struct group *cache_put_group(struct cache *cache, const struct group_row *row, int64_t now_mono_ms)
{
	struct key k;
	struct group *g;
	void **place;

	key_group(&k, row->workspace_id, row->jid);
	place = map_slot(cache->groups, key_of(&k));
	g = *place;
	if (!g)
		*place = g = ARENA_NEW(cache->arena, struct group);
	g->row = *row;
	g->row.jid = arena_str(cache->arena, row->jid);
	g->row.name = arena_str(cache->arena, row->name);
	g->row.description = arena_str(cache->arena, row->description);
	g->row.owner_phone = arena_str(cache->arena, row->owner_phone);
	g->row.participants = arena_str(cache->arena, row->participants);
	g->row.participant_log = arena_str(cache->arena, row->participant_log);
	g->row.settings_times = arena_str(cache->arena, row->settings_times);
	g->row.invite_code = arena_str(cache->arena, row->invite_code);
	g->row.settings = arena_str(cache->arena, row->settings);
	g->read_mono_ms = now_mono_ms;
	return g;
}

struct conversation *cache_put_conversation(struct cache *cache, const struct conversation_row *row, struct account *a,
	struct contact *c, struct group *g)
{
	struct conversation *v = cache_conversation_by_id(cache, row->id);
	struct key k;

	if (!v) {
		v = ARENA_NEW(cache->arena, struct conversation);
		v->row = *row;
		v->row.last_sender = arena_str(cache->arena, row->last_sender);
		v->account = a;
		v->newest_sync_us = PG_NO_TIME;
		*map_slot(cache->conversation_ids, (struct str){ (const char *)&row->id, sizeof(row->id) }) = v;
	}
	if (!v->contact)
		v->contact = c;
	if (!v->group)
		v->group = g;
	key_conversation(&k, a, row->contact_id, row->group_id);
	*map_slot(cache->conversations, key_of(&k)) = v;
	return v;
}
