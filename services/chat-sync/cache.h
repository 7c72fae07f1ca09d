/* What this replica knows of the accounts, contacts, groups and conversations that it works on: read once, then kept.
 *
 * Accounts and conversations of an account are changed by the owner of the account's partition only, and every commit proves
 * ownership by epoch, so what is kept here is true for as long as commits succeed. Contacts, groups and settings belong to the
 * workspace and may change elsewhere: they are read again after ttl_ms. Whatever goes wrong (a rollback, a new assignment), everything is
 * forgotten: the database is the truth.
 */
#ifndef CHAT_SYNC_CACHE_H
#define CHAT_SYNC_CACHE_H

#include "base/arena.h"
#include "base/map.h"
#include "store/rows.h"

struct account {
	struct account_row row;
	int64_t read_mono_ms, stored_mono_ms;
	bool dirty; /* reported columns changed in this batch */
};

/* What of a contact was changed, as contact.updated lists it. */
enum contact_part {
	CONTACT_NAME = 1,
	CONTACT_EMAIL = 2,
	CONTACT_PICTURE = 4,
	CONTACT_ADDRESS_BOOK = 8,
	CONTACT_PHONE = 16,
};

struct contact {
	struct contact_row row;
	struct contact_row read; /* as the database had it */
	int64_t read_mono_ms;
	bool has_reassigned_alias; /* one of its aliases was somebody else's before */
	const struct op *changed_by; /* the op of this batch that tells of what changed */
	unsigned changed;            /* parts of it */
	bool created, dirty, has_event; /* in this batch */
};

struct group {
	struct group_row row;
	int64_t read_mono_ms;
	bool created, locked, dirty;
	struct members *members; /* NULL until this batch changes one */
};

struct conversation {
	struct conversation_row row;
	struct account *account;
	struct contact *contact; /* or group; both NULL while only its messages were touched */
	struct group *group;
	int32_t merges;         /* of the contact, that it has followed */
	bool dirty, recount;    /* in this batch */
	int64_t newest_sync_us; /* of the inbound messages that a sync brought in this batch */
};

struct cache {
	struct arena *arena;
	struct map *accounts;      /* uuid */
	struct map *aliases;       /* workspace, kind, scope, value -> contact */
	struct map *contacts;      /* workspace, id */
	struct map *groups;        /* workspace, jid */
	struct map *conversations; /* account id, contact id or group id */
	struct map *conversation_ids;
	size_t max_bytes;
	int64_t ttl_ms;
	int64_t next_message_id, last_message_id; /* what is left of the drawn block */
};

void cache_init(struct cache *cache, size_t max_bytes, int64_t ttl_ms);
void cache_fini(struct cache *cache);
void cache_clear(struct cache *cache);
/* Between batches: forgets everything when it has grown beyond max_bytes. */
void cache_trim(struct cache *cache);

/* All of these return what is known, or NULL. */
struct account *cache_account(const struct cache *cache, const struct uuid *id,
	int64_t now_mono_ms); /* NULL when stale, too */
struct contact *cache_contact(const struct cache *cache, int64_t workspace_id, int64_t id);
struct contact *cache_alias(const struct cache *cache, const struct alias_row *alias,
	int64_t now_mono_ms); /* NULL when stale, too */
struct group *cache_group(const struct cache *cache, int64_t workspace_id, struct str jid);
struct conversation *cache_conversation(const struct cache *cache, const struct account *a, const struct contact *c,
	const struct group *g);
struct conversation *cache_conversation_by_id(const struct cache *cache, int64_t id);

/* Keeping copies strings into the cache. */
struct account *cache_put_account(struct cache *cache, const struct account_row *row, int64_t now_mono_ms);
struct contact *cache_put_contact(struct cache *cache, const struct contact_row *row, int64_t now_mono_ms);
void cache_put_alias(struct cache *cache, const struct alias_row *alias, struct contact *contact);
void cache_remove_alias(struct cache *cache, const struct alias_row *alias);
struct group *cache_put_group(struct cache *cache, const struct group_row *row, int64_t now_mono_ms);
/* One struct per conversation: what is there already is returned as it is, with a peer it did not know yet. */
struct conversation *cache_put_conversation(struct cache *cache, const struct conversation_row *row, struct account *a,
	struct contact *c, struct group *g);

#endif
