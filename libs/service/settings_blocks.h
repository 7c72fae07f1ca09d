/* Settings that several services share. Each block is a struct that a service embeds in its own settings, and a macro
 * with the block's rows for the service's table; `at` is the offset of the embedded struct. */
#ifndef SERVICE_SETTINGS_BLOCKS_H
#define SERVICE_SETTINGS_BLOCKS_H

#include <stddef.h>

#include "config/config.h"
#include "pg/pg.h"

/* The service's connections to PostgreSQL. statement_timeout: its default, written as in a configuration file. */
struct postgres_settings {
	char *conninfo;
	int64_t statement_timeout_ms;
};
#define POSTGRES_KEYS(at, statement_timeout) \
	{ "postgres.conninfo", CONFIG_STRING, CONFIG_REQUIRED | CONFIG_SECRET, \
		(at) + offsetof(struct postgres_settings, conninfo), NULL, 0, 0, \
		"libpq connection string; a direct connection, never a transaction pooler." }, \
		{ "postgres.statement_timeout", CONFIG_DURATION_MS, 0, \
			(at) + offsetof(struct postgres_settings, statement_timeout_ms), (statement_timeout), 100, \
			600000, "Deadline of one statement; on expiry the connection is closed." }
/* Borrows both arguments; the caller sets the remaining options. */
struct pg_options postgres_options(const struct postgres_settings *s, const char *application_name);

/* A consumer that owns partitions (worker/owner.h). */
struct owner_settings {
	int64_t backoff_min_ms, backoff_max_ms;
	bool reset_cluster;
};
#define OWNER_KEYS(at) \
	{ "backoff.min", CONFIG_DURATION_MS, 0, (at) + offsetof(struct owner_settings, backoff_min_ms), "200ms", 1, \
		60000, "First wait after a failure of PostgreSQL or Kafka." }, \
		{ "backoff.max", CONFIG_DURATION_MS, 0, (at) + offsetof(struct owner_settings, backoff_max_ms), "10s", \
			1, 600000, "Longest wait after failures in a row." }, \
		{ "progress.reset_on_new_cluster", CONFIG_BOOL, 0, \
			(at) + offsetof(struct owner_settings, reset_cluster), "false", 0, 0, \
			"Demo only: another Kafka cluster's progress is started anew instead of refused." }

/* A char * at offset `at`; what: the secrets that are sealed, as a literal for the help text. */
#define KEYRING_KEYS(at, what) \
	{ "secrets.keyring", CONFIG_STRING, CONFIG_REQUIRED | CONFIG_SECRET | CONFIG_LIVE, (at), NULL, 0, 0, \
		"Keys that seal " what ", a line each: <key id>:<base64 of 32 bytes>, the first one seals." }
/* ERR_INPUT for a keyring that crypto/seal does not accept. */
int keyring_setting_check(const char *keyring, struct err *err) ERR_MUST_USE;

#endif
