/* The producer. Invariant: every record that kafka_produce() accepted is reported exactly once, and in_flight counts
 * those that are not reported yet.
 *
 * A fatal error of librdkafka's idempotent producer makes its instance unusable. Everything in flight is then purged,
 * and after the last report a new instance replaces it; until then kafka_produce() returns ERR_BUSY.
 *
 *   open --fatal error--> refusing: purged records are reported as ERR_RETRY --in_flight is 0--> open, a new instance
 */
#include "kafka/producer.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "kafka/client.h"
#include "kafka/errors.h"
#include "metrics/metrics.h"

#define LINGER_MS 1

struct kafka_producer {
	struct kafka_client client; /* first: librdkafka's opaque */
	rd_kafka_conf_t *conf; /* copied for every instance */
	rd_kafka_t *rk; /* NULL only between two instances */
	struct map *topics; /* name: rd_kafka_topic_t * of this instance */
	int fd;
	bool refusing; /* from a fatal error until the new instance is open, and while closing */
	size_t in_flight;
	int served; /* reports served within the current poll */
	struct metric *failures;
	void (*delivered)(void *ctx, void *opaque, const struct err *failure, int32_t partition, int64_t offset);
	void *ctx;
};

static const struct kafka_setting defaults[] = {
	{ "compression.codec", "lz4" },
	{ "queue.buffering.max.kbytes", "131072" },
};

static const struct kafka_setting decided[] = {
	{ "acks", "all" },
	{ "enable.idempotence", "true" },
	{ "partitioner", "murmur2_random" },
};

/* The producer recovers from a fatal error itself (producer_renew()), so that for the owner it is ERR_RETRY. */
static void failure_set(struct err *failure, const rd_kafka_message_t *m)
{
	kafka_err_set(failure, m->err, m->rkt ? rd_kafka_topic_name(m->rkt) : "delivery", NULL);
	if (m->err == RD_KAFKA_RESP_ERR__FATAL)
		failure->kind = ERR_RETRY;
}

static void failure_count(struct kafka_producer *p, rd_kafka_resp_err_t code)
{
	metric_add(METRIC_CELL(p->failures, rd_kafka_err2name(code)), 1);
}

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct kafka_producer *p = opaque;
	struct err failure;

	(void)rk;
	p->in_flight--;
	p->served++;
	if (m->err) {
		failure_set(&failure, m);
		failure_count(p, m->err);
	} else {
		kafka_client_answered(&p->client);
	}
	p->delivered(p->ctx, m->_private, m->err ? &failure : NULL, m->partition, m->offset);
}

/* Shorter than the record's own timeout, whose report would not say that the topic is missing. */
static int missing_topic_timeout_put(rd_kafka_conf_t *conf, int message_timeout_ms, struct err *err)
{
	if (message_timeout_ms == 0)
		return 0;
	return kafka_conf_put_i64(conf, "topic.metadata.propagation.max.ms", message_timeout_ms / 2, err);
}

static int producer_conf(struct kafka_producer *p, const struct kafka_producer_options *o, struct err *err)
{
	const size_t n_defaults = sizeof(defaults) / sizeof(defaults[0]),
		     n_decided = sizeof(decided) / sizeof(decided[0]);
	int queue = o->queue_max_messages ? o->queue_max_messages : 100000;
	int64_t max_bytes = o->max_message_bytes ? o->max_message_bytes : 1000000;

	p->conf = kafka_client_conf(&p->client);
	rd_kafka_conf_set_dr_msg_cb(p->conf, on_report);
	if (kafka_conf_put_all(p->conf, defaults, n_defaults, err) < 0 ||
		kafka_conf_put_i64(p->conf, "linger.ms", o->grouped ? 0 : LINGER_MS, err) < 0 ||
		kafka_conf_put_i64(p->conf, "queue.buffering.max.messages", queue, err) < 0 ||
		missing_topic_timeout_put(p->conf, o->message_timeout_ms, err) < 0 ||
		kafka_config_apply(o->config, p->conf, err) < 0 ||
		kafka_conf_put_all(p->conf, decided, n_decided, err) < 0 ||
		kafka_conf_put(p->conf, "client.id", o->client_id, err) < 0 ||
		kafka_conf_put_i64(p->conf, "message.timeout.ms", o->message_timeout_ms, err) < 0 ||
		kafka_conf_put(p->conf, "enable.gapless.guarantee", o->gapless ? "true" : "false", err) < 0)
		return -1;
	return kafka_conf_put_i64(p->conf, "message.max.bytes", max_bytes, err);
}

static int instance_open(struct kafka_producer *p, struct err *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_dup(p->conf);
	rd_kafka_queue_t *reports;

	p->rk = kafka_client_new(RD_KAFKA_PRODUCER, &conf, err);
	if (!p->rk)
		return -1;
	reports = rd_kafka_queue_get_main(p->rk);
	kafka_event_watch(reports, p->fd);
	rd_kafka_queue_destroy(reports);
	p->client.fatal = false;
	p->refusing = false;
	return 0;
}

static void instance_close(struct kafka_producer *p)
{
	struct str name;
	void *topic;

	for (size_t i = 0; map_each(p->topics, &i, &name, &topic);)
		rd_kafka_topic_destroy(topic);
	map_clear(p->topics);
	if (p->rk)
		rd_kafka_destroy(p->rk);
	p->rk = NULL;
}

/* Purged records are reported as failed. */
static void instance_purge(struct kafka_producer *p)
{
	rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	rd_kafka_poll(p->rk, 0);
}

static void renewal_begin(struct kafka_producer *p)
{
	char reason[200] = "";
	rd_kafka_resp_err_t code = rd_kafka_fatal_error(p->rk, reason, sizeof(reason));

	log_warn("kafka producer failed, reopening it", LOG_S("error_code", rd_kafka_err2name(code)),
		LOG_S("error", reason));
	p->refusing = true;
	instance_purge(p);
}

/* The first poll after everything has been reported opens the new instance. */
static void producer_renew(struct kafka_producer *p)
{
	struct err err;

	if (!p->refusing)
		renewal_begin(p);
	if (p->in_flight > 0)
		return;
	instance_close(p);
	if (instance_open(p, &err) < 0)
		log_error("kafka producer not reopened", LOG_ERR(&err)); /* the next record causes another attempt */
}

int kafka_producer_open(struct kafka_producer **out, const struct kafka_producer_options *options, struct err *err)
{
	struct kafka_producer *p = mem_calloc(1, sizeof(*p));

	p->topics = map_new();
	p->delivered = options->delivered;
	p->ctx = options->ctx;
	p->failures = metric_counter("blazz_kafka_produce_failures",
		"Records not acknowledged, by error code; those that only found the local queue full are not counted.",
		"code");
	kafka_client_watch(&p->client);
	p->fd = kafka_event_open(err);
	if (p->fd < 0 || producer_conf(p, options, err) < 0 || instance_open(p, err) < 0) {
		kafka_producer_close(&p, 0);
		return -1;
	}
	*out = p;
	return 0;
}

static void poll_until_reported(struct kafka_producer *p, int timeout_ms)
{
	int64_t now = clock_mono_ms(), deadline = now + timeout_ms;

	for (; p->in_flight > 0 && !p->client.fatal && now < deadline; now = clock_mono_ms())
		rd_kafka_poll(p->rk, (int)(deadline - now));
}

void kafka_producer_close(struct kafka_producer **producer, int timeout_ms)
{
	struct kafka_producer *p = *producer;

	if (!p)
		return;
	kafka_client_unwatch(&p->client);
	if (p->rk) {
		poll_until_reported(p, timeout_ms);
		p->refusing = true;
		instance_purge(p);
		while (p->in_flight > 0) /* everything is purged: the remaining reports arrive soon */
			rd_kafka_poll(p->rk, 100);
		instance_close(p);
	}
	if (p->conf)
		rd_kafka_conf_destroy(p->conf);
	if (p->fd >= 0)
		close(p->fd);
	map_free(p->topics);
	free(p);
	*producer = NULL;
}

static rd_kafka_headers_t *headers_copy(const struct kafka_record *record)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(record->headers_count);

	for (size_t i = 0; i < record->headers_count; i++) {
		const struct header *h = &record->headers[i];

		rd_kafka_header_add(headers, h->name.p, (ssize_t)h->name.n, h->value.p, (ssize_t)h->value.n);
	}
	return headers;
}

/* librdkafka's parameter is not const although it only copies the bytes. */
static void *unconst(const char *p)
{
	void *q;

	memcpy(&q, &p, sizeof(q));
	return q;
}

/* NULL for an invalid name. rd_kafka_topic_new() asks for the leaders at once; a record that only names its topic would wait for the next of
 * librdkafka's scans, which are a second apart. */
static rd_kafka_topic_t *topic_get(struct kafka_producer *p, const char *name)
{
	rd_kafka_topic_t *topic = map_get(p->topics, str_of(name));

	if (topic)
		return topic;
	topic = rd_kafka_topic_new(p->rk, name, NULL);
	if (topic)
		*map_slot(p->topics, str_of(name)) = topic;
	return topic;
}

static rd_kafka_resp_err_t record_put(struct kafka_producer *p, rd_kafka_topic_t *topic, const struct kafka_record *r)
{
	rd_kafka_headers_t *headers = r->headers_count > 0 ? headers_copy(r) : NULL;
	const rd_kafka_vu_t parts[] = {
		{ .vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic },
		{ .vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = r->partition },
		{ .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY },
		{ .vtype = RD_KAFKA_VTYPE_KEY, .u.mem = { unconst(r->key.p), r->key.n } },
		{ .vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = { unconst(r->value.p), r->value.n } },
		{ .vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = r->timestamp_ms },
		{ .vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = r->opaque },
		{ .vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers },
	};
	rd_kafka_error_t *error = rd_kafka_produceva(p->rk, parts, sizeof(parts) / sizeof(parts[0]));
	rd_kafka_resp_err_t code = rd_kafka_error_code(error);

	if (!error)
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	rd_kafka_error_destroy(error);
	if (headers)
		rd_kafka_headers_destroy(headers);
	return code;
}

static rd_kafka_resp_err_t record_queue(struct kafka_producer *p, const struct kafka_record *r)
{
	rd_kafka_topic_t *topic = topic_get(p, r->topic);

	return topic ? record_put(p, topic, r) : rd_kafka_last_error();
}

int kafka_produce(struct kafka_producer *p, const struct kafka_record *record, struct err *err)
{
	rd_kafka_resp_err_t code = p->refusing || !p->rk ? RD_KAFKA_RESP_ERR__FATAL : record_queue(p, record);

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
		p->in_flight++;
		return 0;
	}
	if (code == RD_KAFKA_RESP_ERR__FATAL) {
		p->client.fatal = true;
		kafka_event_signal(p->fd);
		return err_set(err, ERR_BUSY, "_FATAL", "the producer is being reopened");
	}
	if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
		failure_count(p, code);
	return kafka_err_set(err, code, record->topic, NULL);
}

int kafka_producer_poll(struct kafka_producer *p, int timeout_ms)
{
	p->served = 0;
	kafka_event_clear(p->fd);
	if (p->rk)
		rd_kafka_poll(p->rk, timeout_ms);
	if (p->client.fatal)
		producer_renew(p);
	return p->served;
}

int kafka_producer_fd(const struct kafka_producer *p)
{
	return p->fd;
}

size_t kafka_producer_in_flight(const struct kafka_producer *p)
{
	return p->in_flight;
}

bool kafka_producer_healthy(const struct kafka_producer *p)
{
	return p->client.up && !p->client.fatal;
}
