/* The configuration of provider-stub. */
#ifndef PROVIDER_STUB_SETTINGS_H
#define PROVIDER_STUB_SETTINGS_H

#include "config/config.h"

struct stub_settings {
	char *listen, *port_file;
	int64_t max_connections;
	char *sessions_file, *rules_file, *journal_file;
	int64_t sessions_max, journal_keep, ids_keep, ids_ttl_ms, hang_ms, seed;
	bool journal_bodies;
	char **webhook_networks;
	char *webhook_ca_file;
	int64_t webhook_queue, webhook_in_flight, webhook_timeout_ms, webhook_retry_ms;
};

extern const struct config_key stub_settings_keys[];

#endif
