/* The keys of chat-sync's configuration; see settings.h. */
#include "chat-sync/settings.h"

#include <stddef.h>

#define AT(field) offsetof(struct chat_sync_settings, field)

const struct config_key chat_sync_keys[] = {
	{ "postgres.conninfo", CONFIG_STRING, CONFIG_REQUIRED | CONFIG_SECRET, AT(postgres), NULL, 0, 0,
		"libpq connection string; a direct connection, never a transaction pooler" },
	{ "postgres.statement_timeout", CONFIG_DURATION_MS, 0, AT(statement_timeout_ms), "30s", 100, 600000,
		"deadline of one statement; on expiry the connection is closed" },
	{ "batch.max_events", CONFIG_INT, 0, AT(batch_max_events), "1000", 1, 20000,
		"events in one transaction; a chat of a sync counts with its messages, a change of a group, an edit and a vote as 10" },
	{ "batch.max_bytes", CONFIG_BYTES, 0, AT(batch_max_bytes), "4M", 1024, 67108864, "bytes in one transaction" },
	{ "batch.linger", CONFIG_DURATION_MS, 0, AT(batch_linger_ms), "1ms", 0, 5000,
		"how long a batch waits for more" },
	{ "outbox.max_outstanding", CONFIG_INT, 0, AT(outbox_max_outstanding), "16", 1, 1000,
		"outbox rows per partition published and not yet acknowledged; more push back" },
	{ "sweep.interval", CONFIG_DURATION_MS, 0, AT(sweep_interval_ms), "3s", 50, 60000,
		"how often parked updates, stale syncs and left outbox rows are looked for" },
	{ "backoff.min", CONFIG_DURATION_MS, 0, AT(backoff_min_ms), "200ms", 1, 60000, "first wait after a failure" },
	{ "backoff.max", CONFIG_DURATION_MS, 0, AT(backoff_max_ms), "10s", 1, 600000,
		"longest wait after failures in a row" },
	{ "cache.max_bytes", CONFIG_BYTES, 0, AT(cache_max_bytes), "256M", 1048576, 8589934592,
		"memory for accounts, contacts, groups and conversations; beyond it everything is read again" },
	{ "cache.ttl", CONFIG_DURATION_MS, CONFIG_LIVE, AT(cache_ttl_ms), "30s", 0, 3600000,
		"how long a contact's name, a group or workspace settings may be out of date" },
	{ "parked.ttl", CONFIG_DURATION_MS, CONFIG_LIVE, AT(parked_ttl_ms), "24h", 100, 2592000000,
		"how long an update waits for its message before it becomes a dead letter" },
	{ "parked.sweep_max", CONFIG_INT, 0, AT(parked_sweep_max), "500", 1, 20000,
		"parked updates taken up by one sweep" },
	{ "sync.enabled", CONFIG_BOOL, CONFIG_LIVE, AT(sync_enabled), "true", 0, 0,
		"off: initial syncs of all workspaces are counted and skipped, live events go on" },
	{ "sync.idle_timeout", CONFIG_DURATION_MS, CONFIG_LIVE, AT(sync_idle_ms), "30m", 100, 86400000,
		"a sync without progress for so long has failed and is marked for re-sync" },
	{ "history.idle_timeout", CONFIG_DURATION_MS, CONFIG_LIVE, AT(history_idle_ms), "24h", 100, 2592000000,
		"a provider's history transfer without progress for so long is a gap and marked for re-sync" },
	{ "session.silent_after", CONFIG_DURATION_MS, CONFIG_LIVE, AT(session_silent_ms), "6h", 100, 604800000,
		"a connected bridge that sends nothing for so long is marked for re-sync" },
	{ "progress.reset_on_new_cluster", CONFIG_BOOL, 0, AT(reset_cluster), "false", 0, 0,
		"demo only: another Kafka cluster's progress is started anew instead of refused" },
	{ 0 },
};
