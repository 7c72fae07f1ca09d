/* Rows of the accounts, contacts, groups and conversations that this replica works on: read once, then kept in memory.
 *
 * Accounts and their conversations are changed by the owner of the account's partition only, and every commit checks the owner's epoch:
 * cached rows are current as long as commits succeed. Contacts, groups and settings belong to the workspace, and other replicas change
 * them, too: they are read again after ttl_ms. Invariant: after a rollback or a new assignment the cache is cleared; the database decides.
 */
#ifndef CHAT_SYNC_CACHE_H
#define CHAT_SYNC_CACHE_H

#include "base/arena.h"
#include "base/map.h"
#include "store/rows.h"

struct account {
	struct account_row row;
	int64_t read_mono_ms;
	int64_t active_mono_ms; /* when last_activity_at was last written; 0: not yet */
	bool dirty; /* columns changed in this batch */
};

/* Parts of a contact that changed, as contact.updated lists them. */
enum contact_part {
	CONTACT_NAME = 1,
	CONTACT_EMAIL = 2,
	CONTACT_PICTURE = 4,
	CONTACT_ADDRESS_BOOK = 8,
	CONTACT_PHONE = 16,
};

struct contact {
	struct contact_row row;
	struct contact_row read; /* as it was last read or written */
	int64_t read_mono_ms;
	bool has_reassigned_alias; /* one of its aliases had another holder before */
	const struct op *changed_by; /* the op of this batch whose event publishes the change */
	unsigned changed;            /* parts of it */
	bool created, dirty, has_event; /* in this batch; has_event: a contact.* event was added */
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
	struct contact *contact; /* or group; both NULL while only its messages are known */
	struct group *group;
	int32_t merges; /* contact_row.merges up to which the account's conversations are merged, too */
	bool dirty, recount;    /* in this batch */
	int64_t newest_sync_us; /* time of the newest inbound message that a sync brought in this batch */
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
	int64_t next_message_id, last_message_id; /* the rest of the block of ids drawn from the sequence */
};

void cache_init(struct cache *cache, size_t max_bytes, int64_t ttl_ms);
void cache_fini(struct cache *cache);
void cache_clear(struct cache *cache);
/* Between batches: clears the cache when it has grown beyond max_bytes. */
void cache_trim(struct cache *cache);

/* Look-ups: NULL when the row is not cached. */
struct account *cache_account(const struct cache *cache, const struct uuid *id,
	int64_t now_mono_ms); /* NULL also when older than ttl_ms */
struct contact *cache_contact(const struct cache *cache, int64_t workspace_id, int64_t id);
struct contact *cache_alias(const struct cache *cache, const struct alias_row *alias,
	int64_t now_mono_ms); /* NULL also when older than ttl_ms */
struct group *cache_group(const struct cache *cache, int64_t workspace_id, struct str jid);
struct conversation *cache_conversation(const struct cache *cache, const struct account *a, const struct contact *c,
	const struct group *g);
struct conversation *cache_conversation_by_id(const struct cache *cache, int64_t id);

/* These copy the row and its strings into the cache. A deleted account is read again by the next batch, since it may be restored at any time:
 * a cached row would drop its first events. */
struct account *cache_put_account(struct cache *cache, const struct account_row *row, int64_t now_mono_ms);
struct contact *cache_put_contact(struct cache *cache, const struct contact_row *row, int64_t now_mono_ms);
void cache_put_alias(struct cache *cache, const struct alias_row *alias, struct contact *contact);
void cache_remove_alias(struct cache *cache, const struct alias_row *alias);
struct group *cache_put_group(struct cache *cache, const struct group_row *row, int64_t now_mono_ms);
/* One struct per conversation: a cached one keeps its row, and gets the contact or group if it had none. */
struct conversation *cache_put_conversation(struct cache *cache, const struct conversation_row *row, struct account *a,
	struct contact *c, struct group *g);

#endif
