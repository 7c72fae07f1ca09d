/* cleanup's configuration, one table. */
#ifndef CLEANUP_SETTINGS_H
#define CLEANUP_SETTINGS_H

#include "service/settings_blocks.h"

struct job_settings {
	bool enabled;
	int64_t every_ms, after_ms;
};

struct cleanup_settings {
	struct postgres_settings postgres;
	char *keyring;
	int64_t lease_ttl_ms, lease_renew_ms;
	int64_t session_ttl_ms; /* whole seconds */
	char *webhook_base;
	bool allow_http;
	char **allowed_networks;
	char *ca_file;
	int64_t probe_interval_ms, list_interval_ms;
	char *meta_base_url, *meta_version;
	int64_t meta_interval_ms;
	int64_t qr_interval_ms, qr_ttl_ms, health_interval_ms, resync_interval_ms;
	char *storage_root;
	int64_t storage_interval_ms;
	int64_t drain_timeout_ms;
	struct job_settings stale_qr, disconnected, duplicates; /* live */
	struct job_settings recount, orphans, maintenance, backfill; /* live; as retention */
	int64_t partitions_keep_days, retries_keep_ms; /* live */
	/* Live; as erasure and workspaces they work through rows, and have no after_ms. */
	struct job_settings retention;
	int64_t retention_sends_ms, retention_campaigns_ms; /* live */
	struct job_settings erasure, workspaces; /* live */
	int64_t workspaces_wait_ms; /* live */
	char *jobs_window; /* policy/window.h */
	int64_t jobs_duty; /* live */
};

/* A call begins within two thirds of the lease's time after its renewal (10 s of 15 s), or not at all; and within begin_ms after it was
 * admitted. */
static inline int64_t calls_within_ms(const struct cleanup_settings *s)
{
	return s->lease_ttl_ms * 2 / 3;
}
static inline int64_t calls_begin_ms(const struct cleanup_settings *s)
{
	return s->lease_ttl_ms / 5;
}

extern const struct config_key cleanup_keys[];
/* Checks what the table cannot: ERR_INPUT for an invalid keyring, network or URL, and for a lease that is not renewed in time. */
int cleanup_settings_check(const void *settings, struct err *err) ERR_MUST_USE;

#endif
