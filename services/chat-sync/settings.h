/* chat-sync's configuration, one table. */
#ifndef CHAT_SYNC_SETTINGS_H
#define CHAT_SYNC_SETTINGS_H

#include "config/config.h"

struct chat_sync_settings {
	char *postgres;
	int64_t statement_timeout_ms;
	int64_t batch_max_events, batch_max_bytes, batch_linger_ms;
	int64_t outbox_max_outstanding;
	int64_t sweep_interval_ms;
	int64_t backoff_min_ms, backoff_max_ms;
	int64_t cache_max_bytes, cache_ttl_ms;
	int64_t parked_ttl_ms, parked_sweep_max;
	int64_t sync_idle_ms, session_silent_ms, history_idle_ms;
	bool sync_enabled;
	bool reset_cluster;
};

extern const struct config_key chat_sync_keys[];

#endif
