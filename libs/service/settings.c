/* Settings. libs/config fills one struct from one table, so the service's own struct and the shared one lie in one
 * block, from which the service's part is copied out after every load.
 *
 * Invariant: the service only ever sees a configuration that passed every check as a whole.
 */
#include "service/settings.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "kafka/topics.h"

static const struct config_key shared_keys[] = {
	{ "log.level", CONFIG_STRING, CONFIG_LIVE, offsetof(struct shared_settings, log_level), "info", 0, 0,
		"Least important lines to write: debug, info, warn or error." },
	{ "log.format", CONFIG_STRING, 0, offsetof(struct shared_settings, log_format), "logfmt", 0, 0,
		"logfmt or json." },
	{ "admin.listen", CONFIG_STRING, 0, offsetof(struct shared_settings, admin_listen), "127.0.0.1:0", 0, 0,
		"Address and port of /livez, /readyz and /metrics; port 0 takes any free one. Keep it private: where there are "
		"several networks, 10.0.0.0/8:9101 listens on this machine's address in that one." },
	{ "admin.port_file", CONFIG_STRING, 0, offsetof(struct shared_settings, admin_port_file), NULL, 0, 0,
		"File to write the port to that admin.listen got." },
	{ "admin.live_timeout", CONFIG_DURATION_MS, 0, offsetof(struct shared_settings, admin_live_timeout_ms), "10s",
		100, 3600000, "/livez fails when the service's loop has not turned for this long." },
	{ "topics.prefix", CONFIG_STRING, 0, offsetof(struct shared_settings, topic_prefix), "blazz", 0, 0,
		"First part of every topic's name." },
	{ "kafka.bootstrap.servers", CONFIG_STRING, CONFIG_REQUIRED, offsetof(struct shared_settings, kafka_brokers),
		NULL, 0, 0, "Brokers to start from. All kafka.* keys go to librdkafka as they are." },
};

#define N_SHARED (sizeof(shared_keys) / sizeof(shared_keys[0]))

struct settings {
	const struct service_spec *spec;
	struct config_key *keys;
	struct config *config;
	struct kafka_config *kafka;
	char *file; /* NULL: none */
	char *block;
};

static size_t shared_offset(const struct service_spec *spec)
{
	const size_t align = alignof(max_align_t);

	return (spec->settings_size + align - 1) / align * align;
}

static size_t block_size(const struct service_spec *spec)
{
	return shared_offset(spec) + sizeof(struct shared_settings);
}

struct config_key *settings_keys(const struct service_spec *spec)
{
	struct config_key *keys;
	size_t own = 0;

	while (spec->keys && spec->keys[own].name)
		own++;
	keys = mem_calloc(own + N_SHARED + 1, sizeof(*keys));
	if (own > 0)
		memcpy(keys, spec->keys, own * sizeof(*keys));
	memcpy(keys + own, shared_keys, sizeof(shared_keys));
	for (struct config_key *k = keys + own; k->name; k++) {
		k->offset += shared_offset(spec);
		if (spec->admin_listen && strcmp(k->name, "admin.listen") == 0)
			k->preset = spec->admin_listen;
	}
	return keys;
}

/* The block is aligned for any type, and the offset preserves that. */
static const struct shared_settings *shared_of(const struct service_spec *spec, const char *block)
{
	return (const void *)(block + shared_offset(spec));
}

static int check_word(const char *key, const char *value, bool known, const char *known_words, struct err *err)
{
	if (known)
		return 0;
	return err_set(err, ERR_INPUT, "config", "%s: %s is not %s", key, value, known_words);
}

static int check(const struct service_spec *spec, const char *block, struct err *err)
{
	const struct shared_settings *s = shared_of(spec, block);
	enum log_format format;
	enum log_level level;

	if (check_word("log.level", s->log_level, log_level_parse(str_of(s->log_level), &level),
		    "debug, info, warn or error", err) < 0)
		return -1;
	if (check_word("log.format", s->log_format, log_format_parse(str_of(s->log_format), &format), "logfmt or json",
		    err) < 0)
		return -1;
	if (check_word("topics.prefix", s->topic_prefix, topic_prefix_valid(s->topic_prefix),
		    "a part of a topic's name", err) < 0)
		return -1;
	return spec->check ? spec->check(block, err) : 0;
}

struct kafka_fill {
	struct kafka_config *kafka;
	struct err *err;
	int rc;
};

static void kafka_fill_one(void *ctx, const char *key, const char *value)
{
	struct kafka_fill *f = ctx;

	if (f->rc == 0)
		f->rc = kafka_config_set(f->kafka, key, value, f->err);
}

static int kafka_fill(struct settings *s, struct err *err)
{
	struct kafka_fill f = { .err = err };

	s->kafka = f.kafka = kafka_config_new();
	config_each_kafka(s->config, kafka_fill_one, &f);
	return f.rc;
}

static void publish(struct settings *s)
{
	if (s->spec->settings_size > 0)
		memcpy(s->spec->settings, s->block, s->spec->settings_size);
}

int settings_load(struct settings **out, const struct service_spec *spec, const char *file, struct err *err)
{
	struct settings *s = mem_calloc(1, sizeof(*s));

	s->spec = spec;
	s->keys = settings_keys(spec);
	s->file = file ? mem_cstr(str_of(file)) : NULL;
	s->block = mem_calloc(1, block_size(spec));
	if (config_load(&s->config, file, s->keys, s->block, block_size(spec), err) < 0 ||
		check(spec, s->block, err) < 0 || kafka_fill(s, err) < 0) {
		settings_free(s);
		return -1;
	}
	publish(s);
	*out = s;
	return 0;
}

/* Checks whether the service could start with the configuration as it is in file and environment now. */
static int rehearse(const struct settings *s, struct err *err)
{
	char *block = mem_calloc(1, block_size(s->spec));
	struct config *c = NULL;
	int rc = config_load(&c, s->file, s->keys, block, block_size(s->spec), err);

	if (rc == 0)
		rc = check(s->spec, block, err);
	config_free(c);
	free(block);
	return rc;
}

int settings_reload(struct settings *s, struct buf *need_restart, struct err *err)
{
	if (rehearse(s, err) < 0 || config_reload(s->config, need_restart, err) < 0)
		return -1;
	publish(s);
	return 0;
}

void settings_free(struct settings *s)
{
	if (!s)
		return;
	kafka_config_free(s->kafka);
	config_free(s->config);
	free(s->block);
	free(s->file);
	free(s->keys);
	free(s);
}

const struct shared_settings *settings_shared(const struct settings *s)
{
	return shared_of(s->spec, s->block);
}

const struct kafka_config *settings_kafka(const struct settings *s)
{
	return s->kafka;
}

void settings_dump(const struct settings *s, struct buf *out)
{
	config_dump(s->config, out);
}

enum log_level settings_log_level(const struct settings *s)
{
	enum log_level level = LOG_INFO;
	bool known = log_level_parse(str_of(settings_shared(s)->log_level), &level);

	assert(known);
	return level;
}

enum log_format settings_log_format(const struct settings *s)
{
	enum log_format format = LOG_LOGFMT;
	bool known = log_format_parse(str_of(settings_shared(s)->log_format), &format);

	assert(known);
	return format;
}
