/* The scanner, on librdkafka's simple consumer. A started partition has a queue of its own: the start creates it, and
 * the stop destroys it with all records in it.
 *
 * Invariant: no record fetched for an earlier start is returned. rd_kafka_consume_stop() returns when librdkafka's
 * thread no longer knows the queue. Only the error of an offset out of range may still arrive in the next queue; its
 * offset shows that it is stale.
 */
#include "kafka/scanner.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "kafka/client.h"
#include "kafka/errors.h"
#include "kafka/message.h"

struct lane {
	int32_t partition;
	int64_t from;
	rd_kafka_queue_t *queue; /* NULL: not started */
};

struct kafka_scanner {
	struct kafka_client client; /* first: librdkafka's opaque */
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic;
	rd_kafka_queue_t *callbacks; /* librdkafka's main queue */
	int fd;
	struct lane *lanes; /* one for each partition that was ever started */
	size_t n_lanes;
};

/* Little is prefetched: there are many partitions, and each is read for a short while. */
static const struct kafka_setting defaults[] = {
	{ "fetch.wait.max.ms", "100" },
	{ "queued.max.messages.kbytes", "1024" }, /* per partition */
	{ "socket.timeout.ms", "10000" },
	{ "topic.metadata.refresh.interval.ms", "30000" },
};

static const struct kafka_setting decided[] = {
	{ "auto.offset.reset", "error" },
	{ "enable.partition.eof", "false" },
};

static int scanner_conf(rd_kafka_conf_t *conf, const struct kafka_config *config, const char *client_id,
	struct err *err)
{
	if (kafka_conf_put_all(conf, defaults, sizeof(defaults) / sizeof(defaults[0]), err) < 0 ||
		kafka_conf_fetch_at_once(conf, err) < 0 || kafka_config_apply(config, conf, err) < 0 ||
		kafka_conf_put_all(conf, decided, sizeof(decided) / sizeof(decided[0]), err) < 0)
		return -1;
	return kafka_conf_put(conf, "client.id", client_id, err);
}

static int scanner_connect(struct kafka_scanner *s, const struct kafka_config *config, const char *client_id,
	const char *topic, struct err *err)
{
	rd_kafka_conf_t *conf = kafka_client_conf(&s->client);

	if (scanner_conf(conf, config, client_id, err) < 0) {
		rd_kafka_conf_destroy(conf);
		return -1;
	}
	s->rk = kafka_client_new(RD_KAFKA_CONSUMER, &conf, err);
	if (!s->rk)
		return -1;
	s->callbacks = rd_kafka_queue_get_main(s->rk);
	kafka_event_watch(s->callbacks, s->fd);
	s->topic = rd_kafka_topic_new(s->rk, topic, NULL);
	return s->topic ? 0 : kafka_err_set(err, rd_kafka_last_error(), topic, NULL);
}

int kafka_scanner_open(struct kafka_scanner **out, const struct kafka_config *config, const char *client_id,
	const char *topic, struct err *err)
{
	struct kafka_scanner *s = mem_calloc(1, sizeof(*s));

	s->fd = kafka_event_open(err);
	if (s->fd < 0 || scanner_connect(s, config, client_id, topic, err) < 0) {
		kafka_scanner_close(&s);
		return -1;
	}
	*out = s;
	return 0;
}

static void scanner_disconnect(struct kafka_scanner *s)
{
	for (size_t i = 0; i < s->n_lanes; i++)
		kafka_scanner_stop(s, s->lanes[i].partition);
	kafka_event_unwatch(s->callbacks);
	rd_kafka_queue_destroy(s->callbacks);
	if (s->topic)
		rd_kafka_topic_destroy(s->topic);
	rd_kafka_destroy(s->rk);
}

void kafka_scanner_close(struct kafka_scanner **scanner)
{
	struct kafka_scanner *s = *scanner;

	if (!s)
		return;
	if (s->rk)
		scanner_disconnect(s);
	if (s->fd >= 0)
		close(s->fd);
	free(s->lanes);
	free(s);
	*scanner = NULL;
}

static struct lane *lane_find(struct kafka_scanner *s, int32_t partition)
{
	for (size_t i = 0; i < s->n_lanes; i++)
		if (s->lanes[i].partition == partition)
			return &s->lanes[i];
	return NULL;
}

static struct lane *lane_get(struct kafka_scanner *s, int32_t partition)
{
	struct lane *l = lane_find(s, partition);

	if (l)
		return l;
	s->lanes = mem_realloc(s->lanes, (s->n_lanes + 1) * sizeof(*s->lanes));
	l = &s->lanes[s->n_lanes++];
	*l = (struct lane){ .partition = partition };
	return l;
}

static void queue_free(rd_kafka_queue_t **queue)
{
	kafka_event_unwatch(*queue);
	rd_kafka_queue_destroy(*queue);
	*queue = NULL;
}

int kafka_scanner_start(struct kafka_scanner *s, int32_t partition, int64_t offset, struct err *err)
{
	struct lane *l = lane_get(s, partition);

	kafka_scanner_stop(s, partition);
	l->from = offset;
	l->queue = rd_kafka_queue_new(s->rk);
	kafka_event_watch(l->queue, s->fd);
	if (!rd_kafka_consume_start_queue(s->topic, partition, offset, l->queue))
		return 0;
	kafka_err_set(err, rd_kafka_last_error(), "read", NULL);
	queue_free(&l->queue);
	return -1;
}

void kafka_scanner_stop(struct kafka_scanner *s, int32_t partition)
{
	struct lane *l = lane_find(s, partition);

	if (!l || !l->queue)
		return;
	rd_kafka_consume_stop(s->topic, partition);
	queue_free(&l->queue);
}

int kafka_scanner_poll(struct kafka_scanner *s, int32_t partition, struct kafka_message *out, struct err *err)
{
	struct lane *l = lane_find(s, partition);
	rd_kafka_message_t *m;
	struct err why;

	while (l && l->queue && (m = rd_kafka_consume_queue(l->queue, 0))) {
		bool outdated = m->err && m->offset >= 0 && m->offset < l->from;

		if (!m->err) {
			kafka_message_fill(out, m);
			return 1;
		}
		(void)kafka_stop_of(m, &why);
		rd_kafka_message_destroy(m);
		if (!outdated) {
			*err = why;
			return -1;
		}
	}
	return 0;
}

int kafka_scanner_fd(const struct kafka_scanner *s)
{
	return s->fd;
}

void kafka_scanner_woken(struct kafka_scanner *s)
{
	kafka_event_clear(s->fd);
	rd_kafka_poll(s->rk, 0);
}

int kafka_scanner_low(struct kafka_scanner *s, int32_t partition, int timeout_ms, int64_t *low, struct err *err)
{
	int64_t l, h;
	rd_kafka_resp_err_t code = kafka_watermarks_ask(s->rk, rd_kafka_topic_name(s->topic), partition,
		clock_mono_ms() + timeout_ms, &l, &h);

	if (code)
		return kafka_err_set(err, code, "watermarks", NULL);
	*low = l;
	return 0;
}

int kafka_scanner_since(struct kafka_scanner *s, int64_t ms, int timeout_ms, struct kafka_position *positions, size_t n,
	struct err *err)
{
	return kafka_offsets_since(s->rk, rd_kafka_topic_name(s->topic), ms, timeout_ms, positions, n, err);
}
