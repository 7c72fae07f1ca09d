/* The reader. It uses librdkafka's queue of a simple consumer, which needs no group.
 *
 * Invariant: a partition is fetched from the first next() until its end has been seen, be it the record before the high
 * watermark or librdkafka's end-of-partition event (the last offsets may be control records or compacted); `left`
 * counts the partitions being fetched.
 */
#include "kafka/reader.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "kafka/client.h"
#include "kafka/errors.h"
#include "kafka/message.h"

struct kafka_reader {
	struct kafka_client client; /* first: librdkafka's opaque */
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic;
	rd_kafka_queue_t *queue;
	struct kafka_range *ranges;
	bool *fetched;
	size_t n, left;
	bool started;
};

static int connect_to(struct kafka_reader *r, const struct kafka_config *config, const char *topic, struct err *err)
{
	static const struct kafka_setting decided[] = {
		{ "enable.partition.eof", "true" },
		{ "auto.offset.reset", "error" },
		{ "fetch.wait.max.ms", "100" },
	};
	rd_kafka_conf_t *conf = kafka_client_conf(&r->client);

	if (kafka_config_apply(config, conf, err) < 0 ||
		kafka_conf_put_all(conf, decided, sizeof(decided) / sizeof(decided[0]), err) < 0) {
		rd_kafka_conf_destroy(conf);
		return -1;
	}
	r->rk = kafka_client_new(RD_KAFKA_CONSUMER, &conf, err);
	if (!r->rk)
		return -1;
	r->topic = rd_kafka_topic_new(r->rk, topic, NULL);
	if (!r->topic)
		return kafka_err_set(err, rd_kafka_last_error(), topic, NULL);
	r->queue = rd_kafka_queue_new(r->rk);
	return 0;
}

/* ERR_RETRY for a topic without partitions: it does not exist (yet). */
static int partitions_count(struct kafka_reader *r, int timeout_ms, size_t *n, struct err *err)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t code = rd_kafka_metadata(r->rk, 0, r->topic, &metadata, timeout_ms);
	int count = !code && metadata->topic_cnt > 0 ? metadata->topics[0].partition_cnt : 0;

	if (!code)
		rd_kafka_metadata_destroy(metadata);
	if (!code && count == 0)
		code = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	if (code)
		return kafka_err_set(err, code, rd_kafka_topic_name(r->topic), NULL);
	*n = (size_t)count;
	return 0;
}

static int ranges_ask(struct kafka_reader *r, int timeout_ms, struct err *err)
{
	int64_t deadline_ms = clock_mono_ms() + timeout_ms;
	size_t n = 0;

	if (partitions_count(r, timeout_ms, &n, err) < 0)
		return -1;
	r->ranges = mem_calloc(n, sizeof(*r->ranges));
	r->fetched = mem_calloc(n, sizeof(*r->fetched));
	for (; r->n < n; r->n++) {
		struct kafka_range *range = &r->ranges[r->n];
		rd_kafka_resp_err_t code;

		range->partition = (int32_t)r->n;
		code = kafka_watermarks_ask(r->rk, rd_kafka_topic_name(r->topic), range->partition, deadline_ms,
			&range->low, &range->high);
		if (code)
			return kafka_err_set(err, code, "watermarks", NULL);
	}
	return 0;
}

int kafka_reader_open(struct kafka_reader **out, const struct kafka_config *config, const char *topic, int timeout_ms,
	struct err *err)
{
	struct kafka_reader *r = mem_calloc(1, sizeof(*r));

	if (connect_to(r, config, topic, err) < 0 || ranges_ask(r, timeout_ms, err) < 0) {
		kafka_reader_close(&r);
		return -1;
	}
	*out = r;
	return 0;
}

static void fetching_stop(struct kafka_reader *r, size_t i)
{
	if (!r->fetched[i])
		return;
	rd_kafka_consume_stop(r->topic, r->ranges[i].partition);
	r->fetched[i] = false;
	r->left--;
}

void kafka_reader_close(struct kafka_reader **reader)
{
	struct kafka_reader *r = *reader;

	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		fetching_stop(r, i);
	if (r->queue)
		rd_kafka_queue_destroy(r->queue);
	if (r->topic)
		rd_kafka_topic_destroy(r->topic);
	if (r->rk)
		rd_kafka_destroy(r->rk);
	free(r->ranges);
	free(r->fetched);
	free(r);
	*reader = NULL;
}

const struct kafka_range *kafka_reader_ranges(const struct kafka_reader *r, size_t *n)
{
	*n = r->n;
	return r->ranges;
}

/* librdkafka's mock cluster answers every lookup of a time with the end of the partition: the reader would find
 * nothing. */
static bool broker_is_mock(struct kafka_reader *r, int timeout_ms)
{
	char *id = rd_kafka_clusterid(r->rk, timeout_ms);
	bool mock = id && str_starts(str_of(id), STR("mockCluster"));

	free(id);
	return mock;
}

int kafka_reader_since(struct kafka_reader *r, int64_t ms, int timeout_ms, struct err *err)
{
	struct kafka_position *from;
	int rc;

	if (broker_is_mock(r, timeout_ms))
		return err_set(err, ERR_INPUT, "unsupported",
			"the demo's broker cannot look up a time; use Apache Kafka");
	from = mem_calloc(r->n + 1, sizeof(*from));
	for (size_t i = 0; i < r->n; i++)
		from[i].partition = r->ranges[i].partition;
	rc = kafka_offsets_since(r->rk, rd_kafka_topic_name(r->topic), ms, timeout_ms, from, r->n, err);
	for (size_t i = 0; rc == 0 && i < r->n; i++)
		r->ranges[i].low = from[i].offset < r->ranges[i].high ? from[i].offset : r->ranges[i].high;
	free(from);
	return rc;
}

void kafka_reader_start_at(struct kafka_reader *r, int32_t partition, int64_t offset)
{
	r->ranges[partition].low = offset;
}

int kafka_reader_cluster_id(struct kafka_reader *r, int timeout_ms, char out[static 64], struct err *err)
{
	return kafka_cluster_id(r->rk, timeout_ms, out, err);
}

void kafka_reader_follow(struct kafka_reader *r)
{
	for (size_t i = 0; i < r->n; i++)
		r->ranges[i].high = INT64_MAX;
}

static int start(struct kafka_reader *r, struct err *err)
{
	r->started = true;
	for (size_t i = 0; i < r->n; i++) {
		if (r->ranges[i].low >= r->ranges[i].high)
			continue;
		if (rd_kafka_consume_start_queue(r->topic, r->ranges[i].partition, r->ranges[i].low, r->queue))
			return kafka_err_set(err, rd_kafka_last_error(), "read", NULL);
		r->fetched[i] = true;
		r->left++;
	}
	return 0;
}

/* 1: *out has the record, for the caller; 0: m was an end of partition or outside the range. */
static int message_accept(struct kafka_reader *r, rd_kafka_message_t *m, struct kafka_message *out, struct err *err)
{
	size_t i = (size_t)m->partition;
	bool known = m->rkt && m->partition >= 0 && i < r->n && r->fetched[i];
	int rc = 0;

	if (m->err && m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		rc = kafka_err_set(err, m->err, "read", rd_kafka_message_errstr(m));
	} else if (known && !m->err && m->offset < r->ranges[i].high) {
		if (m->offset == r->ranges[i].high - 1)
			fetching_stop(r, i);
		kafka_message_fill(out, m);
		return 1;
	} else if (known && r->ranges[i].high < INT64_MAX) {
		fetching_stop(r, i);
	}
	rd_kafka_message_destroy(m);
	return rc;
}

int kafka_reader_next(struct kafka_reader *r, int timeout_ms, struct kafka_message *out, struct err *err)
{
	int64_t deadline_ms = clock_mono_ms() + timeout_ms;

	if (!r->started && start(r, err) < 0)
		return -1;
	while (r->left > 0) {
		int64_t left_ms = deadline_ms - clock_mono_ms();
		rd_kafka_message_t *m = left_ms > 0 ? rd_kafka_consume_queue(r->queue, (int)left_ms) : NULL;
		int rc = m ? message_accept(r, m, out, err)
			   : err_set(err, ERR_RETRY, "timeout", "no record arrived for %d ms", timeout_ms);

		if (rc != 0)
			return rc;
	}
	return 0;
}
