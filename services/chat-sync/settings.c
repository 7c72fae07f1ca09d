/* The keys of chat-sync's configuration; see settings.h. */
#include "chat-sync/settings.h"

#define AT(field) offsetof(struct chat_sync_settings, field)

const struct config_key chat_sync_keys[] = {
	POSTGRES_KEYS(AT(postgres), "30s"),
	{ "batch.max_events", CONFIG_INT, 0, AT(batch_max_events), "1000", 1, 20000,
		"Events in one transaction; a chat of a sync counts as one more than its messages; a change of a group or an identity, a chat state with participants, an edit and a vote as 10." },
	{ "batch.max_bytes", CONFIG_BYTES, 0, AT(batch_max_bytes), "4M", 1024, 67108864, "Bytes in one transaction." },
	{ "batch.linger", CONFIG_DURATION_MS, 0, AT(batch_linger_ms), "1ms", 0, 5000,
		"How long a batch waits for further events." },
	{ "batch.interval", CONFIG_DURATION_MS, 0, AT(batch_interval_ms), "20ms", 0, 5000,
		"How long after the beginning of a batch the next begins at the earliest, unless it is full: larger batches cost less." },
	{ "outbox.max_outstanding", CONFIG_INT, 0, AT(outbox_max_outstanding), "16", 1, 1000,
		"While this many outbox rows of a partition are not acknowledged by Kafka, no further batch is applied." },
	{ "sweep.interval", CONFIG_DURATION_MS, 0, AT(sweep_interval_ms), "3s", 50, 60000,
		"Interval of the search for parked updates, stalled syncs and unpublished outbox rows." },
	{ "cache.max_bytes", CONFIG_BYTES, 0, AT(cache_max_bytes), "256M", 1048576, 8589934592,
		"Memory for cached accounts, contacts, groups and conversations; when it is exceeded, the cache is cleared." },
	{ "cache.ttl", CONFIG_DURATION_MS, CONFIG_LIVE, AT(cache_ttl_ms), "30s", 0, 3600000,
		"Longest time for which cached contacts, groups and workspace settings are used before they are read again." },
	{ "parked.ttl", CONFIG_DURATION_MS, CONFIG_LIVE, AT(parked_ttl_ms), "24h", 100, 2592000000,
		"How long an update is parked for its message before it becomes a dead letter; a Dispatch is dropped then." },
	{ "parked.sweep_max", CONFIG_INT, 0, AT(parked_sweep_max), "500", 1, 20000,
		"Most parked updates of one topic that a sweep applies, and most that it expires." },
	{ "sync.enabled", CONFIG_BOOL, CONFIG_LIVE, AT(sync_enabled), "true", 0, 0,
		"Off: initial syncs of all workspaces are counted and skipped; live events are applied." },
	{ "sync.idle_timeout", CONFIG_DURATION_MS, CONFIG_LIVE, AT(sync_idle_ms), "30m", 100, 86400000,
		"A sync without progress for this long has failed, and its account is marked for re-sync." },
	{ "history.idle_timeout", CONFIG_DURATION_MS, CONFIG_LIVE, AT(history_idle_ms), "24h", 100, 2592000000,
		"A provider's history transfer without progress for this long is a gap, and its account is marked for re-sync." },
	{ "session.silent_after", CONFIG_DURATION_MS, CONFIG_LIVE, AT(session_silent_ms), "6h", 100, 604800000,
		"The account of a connected bridge that sends nothing for this long is marked for re-sync." },
	OWNER_KEYS(AT(owner)),
	{ 0 },
};
