/* ingest's configuration: one table of keys. */
#ifndef INGEST_SETTINGS_H
#define INGEST_SETTINGS_H

#include "service/settings_blocks.h"

struct ingest_settings {
	char *http_listen, *http_port_file;
	int64_t http_max_connections, http_max_connections_per_address;
	int64_t http_header_timeout_ms, http_body_timeout_ms, http_idle_timeout_ms;
	char **http_trusted_proxies;
	int64_t request_deadline_ms, drain_timeout_ms;
	int64_t limits_bytes_in_flight;
	int64_t limits_failures_per_minute;
	int64_t limits_account_rate, limits_account_burst;
	int64_t limits_sync_rate, limits_sync_burst;
	struct postgres_settings postgres;
	char *keyring;
	int64_t qr_ttl_ms;
};

extern const struct config_key ingest_keys[];

/* Checks what the table cannot express: that the keyring and the proxies parse. ERR_INPUT. */
int ingest_settings_check(const void *settings, struct err *err) ERR_MUST_USE;

#endif
