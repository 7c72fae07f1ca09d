/* The configuration of chat-sync; types, defaults and ranges are in settings.c. */
#ifndef CHAT_SYNC_SETTINGS_H
#define CHAT_SYNC_SETTINGS_H

#include "service/settings_blocks.h"

struct chat_sync_settings {
	struct postgres_settings postgres;
	struct owner_settings owner;
	int64_t batch_max_events, batch_max_bytes, batch_linger_ms, batch_interval_ms;
	int64_t outbox_max_outstanding;
	int64_t sweep_interval_ms;
	int64_t cache_max_bytes, cache_ttl_ms;
	int64_t parked_ttl_ms, parked_sweep_max;
	int64_t sync_idle_ms, session_silent_ms, history_idle_ms;
	bool sync_enabled;
};

extern const struct config_key chat_sync_keys[];

#endif
