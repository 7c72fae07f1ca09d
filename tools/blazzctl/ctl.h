/* Shared by all commands of blazzctl: the command table, the configuration, and connections, which are opened when a
 * command first needs them. */
#ifndef CTL_H
#define CTL_H

#include "crypto/seal.h"
#include "http/guard.h"
#include "kafka/config.h"
#include "kafka/topics.h"
#include "options.h"
#include "pg/pg.h"
#include "table.h"

#define CTL_TIMEOUT_MS 30000 /* for each request */

enum ctl_exit {
	CTL_EXIT_OK = 0,
	CTL_EXIT_FAILED = 1,
	CTL_EXIT_USAGE = 2,
	CTL_EXIT_CANCELLED = 3,
	CTL_EXIT_CONFIG = 78
};

struct ctl_settings {
	char *postgres, *postgres_ops;
	char *keyring;
	char *topic_prefix;
	char *meta_base_url, *meta_version;
	char *ca_file;
	char **allowed_networks;
	bool allow_http;
	char *kafka_brokers; /* only a row of the table: passed to librdkafka with all kafka.* keys */
};

struct ctl {
	struct ctl_settings settings;
	struct topic_names topics;
	struct config *config;
	struct kafka_config *kafka;
	struct kafka_admin *kafka_admin;
	struct pg *admin, *ops;
	int statement_timeout_ms; /* of connections opened from now on; 0: the default */
	struct keyring *keyring;
	struct guard *guard;
	bool json;
};

struct command {
	const char *group, *verb;
	const char *arguments; /* "NAME", "PATH..."; NULL: none */
	int min_arguments, max_arguments;
	const struct option_row *options; /* NULL: none */
	size_t options_size; /* size of the struct that the rows fill */
	const char *help;
	int (*run)(struct ctl *ctl, const void *options, char *const *arguments, struct err *err);
};

/* A row without a group terminates each table. */
extern const struct command topics_commands[], topics_copy_commands[], apps_commands[], apps_set_commands[],
	accounts_commands[], accounts_set_commands[], accounts_wish_commands[], accounts_qr_commands[],
	instances_commands[], instances_show_commands[], instances_wish_commands[], instances_rebalance_commands[],
	cleanup_commands[], secrets_commands[], secrets_keys_commands[], secrets_rotate_commands[],
	secrets_retire_commands[], contacts_commands[], send_commands[], dlq_commands[], sync_commands[],
	progress_commands[], progress_move_commands[], progress_rekey_commands[], outbox_commands[], events_commands[],
	webhook_commands[], webhook_replay_commands[], retry_commands[], messages_commands[], audiences_commands[],
	campaigns_commands[], templates_commands[], lanes_commands[];

/* Reads the file (NULL: environment only). ERR_CONFIG. */
int ctl_open(struct ctl *ctl, const char *file, struct err *err) ERR_MUST_USE;
void ctl_close(struct ctl *ctl);

/* Connect as role blazz_admin, for configuration; as blazz_ops, for progress, queues and history. *out is borrowed from
 * ctl. */
int ctl_pg_admin(struct ctl *ctl, struct pg **out, struct err *err) ERR_MUST_USE;
int ctl_pg_ops(struct ctl *ctl, struct pg **out, struct err *err) ERR_MUST_USE;
/* Runs change() in a transaction as blazz_admin, and commits. */
int ctl_pg_change(struct ctl *ctl, int (*change)(struct ctl *ctl, struct pg *pg, void *ctx, struct err *err), void *ctx,
	struct err *err) ERR_MUST_USE;
int ctl_keyring(struct ctl *ctl, const struct keyring **out, struct err *err) ERR_MUST_USE;
/* The guard for URLs of endpoints, configured as webhook-dispatcher's. */
int ctl_guard(struct ctl *ctl, const struct guard **out, struct err *err) ERR_MUST_USE;
/* Checks that the broker can look up records by time, for commands that let another program do so; succeeds if no
 * broker is configured. ERR_INPUT. */
int ctl_times_check(struct ctl *ctl, struct err *err) ERR_MUST_USE;
int ctl_kafka_admin(struct ctl *ctl, struct kafka_admin **out, struct err *err) ERR_MUST_USE;
/* Fails when no brokers are configured. */
int ctl_kafka(struct ctl *ctl, const struct kafka_config **out, struct err *err) ERR_MUST_USE;

/* Sets ERR_USAGE; returns -1. */
int ctl_usage(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Parses a public id from the command line. ERR_USAGE. */
int ctl_uuid(const char *name, const char *text, struct uuid *out, struct err *err) ERR_MUST_USE;
/* Reads a secret from a file, "-" for standard input, and appends it to out, which the caller wipes. */
int ctl_secret_read(const char *path, struct buf *out, struct err *err) ERR_MUST_USE;
void ctl_secret_free(struct buf *secret);

#endif
