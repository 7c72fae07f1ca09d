/* The configuration of blazzctl and its connections. Invariant: a connection is opened only when the command first uses
 * it. */
#include "ctl.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "config/config.h"
#include "config/source.h"
#include "kafka/reader.h"

#define AT(field) offsetof(struct ctl_settings, field)

static const struct config_key keys[] = {
	{ "postgres.conninfo", CONFIG_STRING, CONFIG_SECRET, AT(postgres), NULL, 0, 0,
		"libpq connection string of role blazz_admin: workspaces, apps, accounts, webhook endpoints." },
	{ "postgres.ops_conninfo", CONFIG_STRING, CONFIG_SECRET, AT(postgres_ops), NULL, 0, 0,
		"libpq connection string of role blazz_ops: progress, syncs, deliveries; unset: postgres.conninfo." },
	{ "secrets.keyring", CONFIG_STRING, CONFIG_SECRET, AT(keyring), NULL, 0, 0,
		"Keys that seal secrets, one per line: <id>:<base64 of 32 bytes>; the first one seals." },
	{ "webhooks.allow_http", CONFIG_BOOL, 0, AT(allow_http), "false", 0, 0,
		"Allows endpoints with plain http; set it as in webhook-dispatcher's configuration." },
	{ "webhooks.allowed_networks", CONFIG_LIST, 0, AT(allowed_networks), NULL, 0, 0,
		"Networks (10.0.0.0/8) in which endpoints may be although they are not public; as for webhook-dispatcher." },
	{ "webhooks.ca_file", CONFIG_STRING, 0, AT(ca_file), NULL, 0, 0,
		"Certificates of the authorities to trust (PEM) instead of the system's; as for webhook-dispatcher." },
	{ "meta.base_url", CONFIG_STRING, 0, AT(meta_base_url), "https://graph.facebook.com", 0, 0,
		"Meta's Graph API, for templates sync; as for campaign-sender." },
	{ "meta.version", CONFIG_STRING, 0, AT(meta_version), "v25.0", 0, 0, "Its version." },
	{ "topics.prefix", CONFIG_STRING, 0, AT(topic_prefix), "blazz", 0, 0, "First part of every topic's name." },
	{ "kafka.bootstrap.servers", CONFIG_STRING, 0, AT(kafka_brokers), NULL, 0, 0,
		"Brokers for the first connection; all kafka.* keys are passed to librdkafka unchanged." },
	{ 0 },
};

struct kafka_keys {
	struct kafka_config *kafka;
	struct err *err;
	int rc;
};

static void kafka_fill_one(void *ctx, const char *key, const char *value)
{
	struct kafka_keys *f = ctx;

	if (f->rc == 0)
		f->rc = kafka_config_set(f->kafka, key, value, f->err);
}

static int config_error(struct err *err)
{
	err->kind = ERR_CONFIG;
	return -1;
}

int ctl_open(struct ctl *ctl, const char *file, struct err *err)
{
	struct kafka_keys fill = { .err = err };

	if (config_load(&ctl->config, file, keys, &ctl->settings, sizeof(ctl->settings), err) < 0)
		return config_error(err);
	if (!topic_prefix_valid(ctl->settings.topic_prefix))
		return err_set(err, ERR_CONFIG, "config", "topics.prefix: %s is not a part of a topic's name",
			ctl->settings.topic_prefix);
	topic_names_make(&ctl->topics, ctl->settings.topic_prefix);
	fill.kafka = ctl->kafka = kafka_config_new();
	config_each_kafka(ctl->config, kafka_fill_one, &fill);
	return fill.rc < 0 ? config_error(err) : 0;
}

void ctl_close(struct ctl *ctl)
{
	kafka_admin_close(&ctl->kafka_admin);
	pg_close(&ctl->admin);
	pg_close(&ctl->ops);
	keyring_free(ctl->keyring);
	guard_free(ctl->guard);
	kafka_config_free(ctl->kafka);
	config_free(ctl->config);
}

static int need(const char *value, const char *key, struct err *err)
{
	return value ? 0 : err_set(err, ERR_CONFIG, "config", "%s is not set (-c FILE or the environment)", key);
}

static int pg_get(const struct ctl *ctl, struct pg **slot, const char *conninfo, struct pg **out, struct err *err)
{
	struct pg_options options = {
		.conninfo = conninfo, .application_name = "blazzctl", .statement_timeout_ms = ctl->statement_timeout_ms
	};

	if (need(conninfo, "postgres.conninfo", err) < 0)
		return -1;
	if (!*slot && pg_open(slot, &options, err) < 0)
		return -1;
	*out = *slot;
	return 0;
}

int ctl_pg_admin(struct ctl *ctl, struct pg **out, struct err *err)
{
	return pg_get(ctl, &ctl->admin, ctl->settings.postgres, out, err);
}

int ctl_pg_ops(struct ctl *ctl, struct pg **out, struct err *err)
{
	const struct ctl_settings *s = &ctl->settings;

	return pg_get(ctl, &ctl->ops, s->postgres_ops ? s->postgres_ops : s->postgres, out, err);
}

int ctl_pg_change(struct ctl *ctl, int (*change)(struct ctl *ctl, struct pg *pg, void *ctx, struct err *err), void *ctx,
	struct err *err)
{
	struct pg *pg;

	if (ctl_pg_admin(ctl, &pg, err) < 0)
		return -1;
	if (pg_begin(pg, err) == 0 && change(ctl, pg, ctx, err) == 0 && pg_commit(pg, err) == 0)
		return 0;
	pg_rollback(pg);
	return -1;
}

int ctl_keyring(struct ctl *ctl, const struct keyring **out, struct err *err)
{
	if (need(ctl->settings.keyring, "secrets.keyring", err) < 0)
		return -1;
	if (!ctl->keyring && keyring_parse(&ctl->keyring, str_of(ctl->settings.keyring), err) < 0)
		return config_error(err);
	*out = ctl->keyring;
	return 0;
}

int ctl_guard(struct ctl *ctl, const struct guard **out, struct err *err)
{
	const struct ctl_settings *s = &ctl->settings;

	if (!ctl->guard && guard_new(&ctl->guard, s->allowed_networks, s->allow_http, err) < 0)
		return config_error(err);
	*out = ctl->guard;
	return 0;
}

int ctl_kafka(struct ctl *ctl, const struct kafka_config **out, struct err *err)
{
	if (need(ctl->settings.kafka_brokers, "kafka.bootstrap.servers", err) < 0)
		return -1;
	*out = ctl->kafka;
	return 0;
}

int ctl_times_check(struct ctl *ctl, struct err *err)
{
	struct kafka_reader *r = NULL;
	int rc = -1;

	if (!ctl->settings.kafka_brokers)
		return 0;
	if (kafka_reader_open(&r, ctl->kafka, ctl->topics.of[TOPIC_CHAT_EVENT], CTL_TIMEOUT_MS, err) == 0)
		rc = kafka_reader_since(r, clock_now_ms(), CTL_TIMEOUT_MS, err);
	kafka_reader_close(&r);
	return rc;
}

int ctl_kafka_admin(struct ctl *ctl, struct kafka_admin **out, struct err *err)
{
	const struct kafka_config *kafka;

	if (ctl_kafka(ctl, &kafka, err) < 0)
		return -1;
	if (!ctl->kafka_admin && kafka_admin_open(&ctl->kafka_admin, kafka, err) < 0)
		return -1;
	*out = ctl->kafka_admin;
	return 0;
}

int ctl_usage(struct err *err, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(err, ERR_USAGE, "usage", "%s", text);
}

int ctl_uuid(const char *name, const char *text, struct uuid *out, struct err *err)
{
	if (!text)
		return ctl_usage(err, "%s is missing", name);
	return uuid_parse(str_of(text), out) ? 0 : ctl_usage(err, "%s: %s is not a UUID", name, text);
}

int ctl_secret_read(const char *path, struct buf *out, struct err *err)
{
	if (config_secret_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, out, err) < 0)
		return -1;
	return out->n > 0 ? 0 : err_set(err, ERR_INPUT, "secret", "%s is empty", path);
}

void ctl_secret_free(struct buf *secret)
{
	buf_wipe(secret);
	buf_fini(secret);
}
