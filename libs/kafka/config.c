/* Keeps the `kafka.*` keys of the configuration. Invariant: every stored pair was accepted by librdkafka on its own,
 * and none of them is a key whose value Blazz decides itself. */
#include "kafka/config.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "kafka/client.h"

struct pair {
	char *key, *value;
};

struct kafka_config {
	struct pair *pairs;
	size_t n;
};

/* With every alias that librdkafka accepts. queued.min.messages: with a lower value librdkafka 2.0.2 stalls for a
 * second at a time. */
static const char *const decided_here[] = {
	"acks",
	"request.required.acks",
	"enable.idempotence",
	"enable.gapless.guarantee",
	"transactional.id",
	"message.timeout.ms",
	"delivery.timeout.ms",
	"message.max.bytes",
	"partitioner",
	"client.id",
	"group.id",
	"group.protocol",
	"partition.assignment.strategy",
	"enable.auto.commit",
	"auto.commit.enable",
	"enable.auto.offset.store",
	"auto.offset.reset",
	"enable.partition.eof",
	"queued.min.messages",
	"statistics.interval.ms",
	"log.queue",
};

struct kafka_config *kafka_config_new(void)
{
	return mem_calloc(1, sizeof(struct kafka_config));
}

/* Values may be passwords: they are wiped before the memory is freed. */
static void value_free(char *value)
{
	explicit_bzero(value, strlen(value));
	free(value);
}

void kafka_config_free(struct kafka_config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++) {
		free(c->pairs[i].key);
		value_free(c->pairs[i].value);
	}
	free(c->pairs);
	free(c);
}

static struct pair *pair_find(const struct kafka_config *c, const char *key)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->pairs[i].key, key) == 0)
			return &c->pairs[i];
	return NULL;
}

static int key_check(const char *key, struct err *err)
{
	for (size_t i = 0; i < sizeof(decided_here) / sizeof(decided_here[0]); i++)
		if (strcmp(decided_here[i], key) == 0)
			return err_set(err, ERR_INPUT, "config", "kafka.%s is decided by Blazz and cannot be set", key);
	return 0;
}

static int value_check(const char *key, const char *value, struct err *err)
{
	rd_kafka_conf_t *scratch = rd_kafka_conf_new();
	int rc = kafka_conf_put(scratch, key, value, err);

	rd_kafka_conf_destroy(scratch);
	return rc;
}

int kafka_config_set(struct kafka_config *c, const char *key, const char *value, struct err *err)
{
	struct pair *p = pair_find(c, key);

	if (key_check(key, err) < 0 || value_check(key, value, err) < 0)
		return -1;
	if (p) {
		value_free(p->value);
	} else {
		c->pairs = mem_realloc(c->pairs, (c->n + 1) * sizeof(*c->pairs));
		p = &c->pairs[c->n++];
		p->key = mem_cstr(str_of(key));
	}
	p->value = mem_cstr(str_of(value));
	return 0;
}

const char *kafka_config_get(const struct kafka_config *c, const char *key)
{
	const struct pair *p = pair_find(c, key);

	return p ? p->value : NULL;
}

int kafka_config_apply(const struct kafka_config *c, rd_kafka_conf_t *conf, struct err *err)
{
	for (size_t i = 0; i < c->n; i++)
		if (kafka_conf_put(conf, c->pairs[i].key, c->pairs[i].value, err) < 0)
			return -1;
	return 0;
}
