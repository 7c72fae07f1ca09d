/* webhook-dispatcher's configuration, one table. */
#ifndef WEBHOOK_DISPATCHER_SETTINGS_H
#define WEBHOOK_DISPATCHER_SETTINGS_H

#include "service/settings_blocks.h"

struct dispatcher_settings {
	struct postgres_settings postgres;
	struct owner_settings owner;
	char *keyring;
	bool allow_http;
	char **allowed_networks;
	char *ca_file;
	int64_t max_in_flight, max_share, max_lookups, threads;
	int64_t window_events, window_bytes, window_age_ms;
	int64_t endpoint_waiting, endpoint_rows;
	int64_t flush_interval_ms;
	int64_t claim_interval_ms, claim_max, lease_ms;
	int64_t disable_after_ms;
	int64_t breaker_failures, breaker_min_ms, breaker_max_ms;
	int64_t catch_up_rate;
	int64_t retries_keep_ms, attempts_keep_days;
	int64_t drain_timeout_ms;
};

extern const struct config_key dispatcher_keys[];
/* Checks what the table cannot: ERR_INPUT for an invalid keyring or network. */
int dispatcher_settings_check(const void *settings, struct err *err) ERR_MUST_USE;

#endif
