/* The consumer's settings, and what is neither membership nor messages; see consumer.h, and consumer_private.h for its
 * files. */
#include "kafka/consumer_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "kafka/errors.h"

#if KAFKA_OFFSET_BEGINNING != RD_KAFKA_OFFSET_BEGINNING
#error "positions are passed to librdkafka unchanged"
#endif

/* socket.timeout.ms bounds how long a close waits for a broker that is paused. */
static const struct kafka_setting defaults[] = {
	{ "fetch.wait.max.ms", "100" },
	{ "socket.timeout.ms", "10000" },
	{ "max.poll.interval.ms", "60000" },
	{ "topic.metadata.refresh.interval.ms", "30000" },
};

static const struct kafka_setting decided[] = {
	{ "auto.offset.reset", "error" },
	{ "enable.auto.commit", "false" },
	{ "enable.auto.offset.store", "false" },
	{ "enable.partition.eof", "false" },
	{ "partition.assignment.strategy", "range" },
};

/* Defaults first, so that the keys of the configuration override them. Before librdkafka 2.2 a full queue stops a
 * partition's fetches for a second: 16 MiB last that long at 25,000 messages of 600 bytes a second. */
static int consumer_conf(rd_kafka_conf_t *conf, const struct kafka_consumer_options *o, struct err *err)
{
	int session_ms = o->session_timeout_ms ? o->session_timeout_ms : 10000;
	int heartbeat_ms = session_ms / 3 < 3000 ? session_ms / 3 : 3000;
	int prefetch_kb = o->prefetch_kb ? o->prefetch_kb : 16384;

	rd_kafka_conf_set_rebalance_cb(conf, consumer_on_rebalance);
	if (kafka_conf_put_all(conf, defaults, sizeof(defaults) / sizeof(defaults[0]), err) < 0 ||
		kafka_conf_fetch_at_once(conf, err) < 0 ||
		kafka_conf_put_i64(conf, "queued.max.messages.kbytes", prefetch_kb, err) < 0 ||
		kafka_conf_put_i64(conf, "session.timeout.ms", session_ms, err) < 0 ||
		kafka_conf_put_i64(conf, "heartbeat.interval.ms", heartbeat_ms, err) < 0 ||
		kafka_config_apply(o->config, conf, err) < 0 ||
		kafka_conf_put_all(conf, decided, sizeof(decided) / sizeof(decided[0]), err) < 0 ||
		kafka_conf_put(conf, "client.id", o->client_id, err) < 0)
		return -1;
	return kafka_conf_put(conf, "group.id", o->group, err);
}

static int consumer_connect(struct kafka_consumer *c, const struct kafka_consumer_options *o, struct err *err)
{
	rd_kafka_conf_t *conf = kafka_client_conf(&c->client);

	if (consumer_conf(conf, o, err) < 0) {
		rd_kafka_conf_destroy(conf);
		return -1;
	}
	c->rk = kafka_client_new(RD_KAFKA_CONSUMER, &conf, err);
	if (!c->rk)
		return -1;
	rd_kafka_poll_set_consumer(c->rk);
	c->callbacks = rd_kafka_queue_get_consumer(c->rk);
	kafka_event_watch(c->callbacks, c->fd);
	return 0;
}

static void topics_set(struct kafka_consumer *c, const struct consumer_topic *topics)
{
	for (int32_t t = 0; t < CONSUMER_TOPICS_MAX && topics[t].name; t++) {
		c->follows[t] = t;
		if (topics[t].follows) {
			bool known = consumer_find_topic(c, topics[t].follows, &c->follows[t]);

			assert(known);
		}
		c->topics[t] = mem_cstr(str_of(topics[t].name));
		c->topics_count = t + 1;
	}
}

int kafka_consumer_open(struct kafka_consumer **out, const struct kafka_consumer_options *options, struct err *err)
{
	struct kafka_consumer *c = mem_calloc(1, sizeof(*c));

	topics_set(c, options->topics);
	c->on_assigned = options->assigned;
	c->on_revoked = options->revoked;
	c->on_stopped = options->stopped;
	c->ctx = options->ctx;
	kafka_client_watch(&c->client);
	c->fd = kafka_event_open(err);
	if (c->fd < 0 || consumer_connect(c, options, err) < 0 || consumer_subscribe(c, err) < 0) {
		kafka_consumer_close(&c);
		return -1;
	}
	*out = c;
	return 0;
}

static void consumer_disconnect(struct kafka_consumer *c)
{
	kafka_event_unwatch(c->callbacks);
	for (size_t i = 0; i < c->queues_count; i++)
		kafka_event_unwatch(c->queues[i]);
	consumer_leave_group(c);
	for (size_t i = 0; i < c->queues_count; i++)
		rd_kafka_queue_destroy(c->queues[i]);
	rd_kafka_queue_destroy(c->callbacks);
	rd_kafka_destroy_flags(c->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

void kafka_consumer_close(struct kafka_consumer **consumer)
{
	struct kafka_consumer *c = *consumer;

	if (!c)
		return;
	kafka_client_unwatch(&c->client);
	if (c->rk)
		consumer_disconnect(c);
	if (c->fd >= 0)
		close(c->fd);
	free(c->queues);
	free(c->slots);
	for (int32_t t = 0; t < c->topics_count; t++)
		free(c->topics[t]);
	free(c);
	*consumer = NULL;
}

void kafka_consumer_commit(struct kafka_consumer *c, const struct consumer_position *positions, size_t n)
{
	rd_kafka_topic_partition_list_t *list;

	if (n == 0)
		return;
	list = consumer_list(c, positions, n);
	rd_kafka_commit(c->rk, list, 1);
	rd_kafka_topic_partition_list_destroy(list);
}

int kafka_consumer_watermarks(struct kafka_consumer *c, struct topic_partition partition, int timeout_ms, int64_t *low,
	int64_t *high, struct err *err)
{
	int64_t l, h;
	rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(c->rk, c->topics[partition.topic], partition.number,
		&l, &h, timeout_ms);

	if (code)
		return kafka_err_set(err, code, "watermarks", NULL);
	*low = l;
	*high = h;
	return 0;
}

int64_t kafka_consumer_cached_high(struct kafka_consumer *c, struct topic_partition partition)
{
	int64_t low, high;

	if (rd_kafka_get_watermark_offsets(c->rk, c->topics[partition.topic], partition.number, &low, &high) ||
		high < 0)
		return -1;
	return high;
}

int kafka_consumer_cluster_id(struct kafka_consumer *c, int timeout_ms, char out[static 64], struct err *err)
{
	return kafka_cluster_id(c->rk, timeout_ms, out, err);
}

bool kafka_consumer_healthy(const struct kafka_consumer *c)
{
	return c->client.up;
}
