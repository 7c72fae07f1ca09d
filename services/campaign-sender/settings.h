/* The configuration of campaign-sender; types, defaults and ranges are in settings.c. */
#ifndef CAMPAIGN_SENDER_SETTINGS_H
#define CAMPAIGN_SENDER_SETTINGS_H

#include "service/settings_blocks.h"

struct sender_settings {
	struct postgres_settings postgres;
	struct owner_settings owner;
	int64_t batch_max_events, batch_max_bytes, batch_linger_ms, batch_interval_ms;
	int64_t outbox_max_outstanding;
	char *keyring; /* secrets.keyring */
	char *meta_base_url, *meta_version;
	bool allow_http; /* providers.* */
	char **allowed_networks;
	char *ca_file;
	int64_t max_in_flight, threads, timeout_ms;
	int64_t flush_interval_ms;
	int64_t max_delay_ms; /* dispatch.max_delay: from the check of a message to its first byte */
	int64_t unknown_after_ms;
	int64_t meta_per_second; /* limits.* */
	int64_t bridge_per_minute, bridge_burst, bridge_per_hour;
	int64_t campaign_chunk, misfire_ms;
	int64_t media_max_bytes;
	int64_t drain_timeout_ms;
	int64_t retention_days; /* of attempts */
};

extern const struct config_key sender_keys[];
/* service_spec.check. ERR_INPUT. */
int sender_settings_check(const void *settings, struct err *err) ERR_MUST_USE;

#endif
