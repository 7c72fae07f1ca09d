/* One replica of a service, as far as Kafka sees it: a consumer and what its callbacks told. */
#ifndef TESTS_KAFKA_MEMBER_H
#define TESTS_KAFKA_MEMBER_H

#include "real.h"

#include "kafka/consumer.h"

#define PARTITIONS_MAX 8
#define DEADLINE_MS    30000

struct member {
	struct kafka_consumer *consumer;
	struct topic_partition partitions[PARTITIONS_MAX];
	size_t n;
	int assigned, revoked, stopped;
	int64_t start_at_ms; /* storm test: when start() is due; 0: not */
	bool started;
	bool comes_back; /* started again by expect_in_order() where it was, when its session ended with the broker's */
	enum kafka_stop stop;
	struct err why;
	struct topic_partition stopped_partition;
};

static inline void on_assigned(void *ctx, const struct topic_partition *partitions, size_t n)
{
	struct member *m = ctx;

	assert_true(n <= PARTITIONS_MAX);
	if (n > 0)
		memcpy(m->partitions, partitions, n * sizeof(*partitions));
	m->n = n;
	m->assigned++;
	m->started = false;
}

static inline void on_revoked(void *ctx)
{
	struct member *m = ctx;

	m->n = 0;
	m->revoked++;
	m->started = false;
}

static inline void on_stopped(void *ctx, struct topic_partition partition, enum kafka_stop stop, const struct err *why)
{
	struct member *m = ctx;

	m->stopped++;
	m->stopped_partition = partition;
	m->stop = stop;
	m->why = *why;
}

/* follower: NULL: none. */
static inline void member_open_with(struct member *m, const char *topic, const char *follower, const char *group)
{
	struct kafka_consumer_options options = { .config = kafka_settings,
		.client_id = "test",
		.group = group,
		.topics = { { .name = topic }, { .name = follower, .follows = topic } },
		.session_timeout_ms = 6000,
		.assigned = on_assigned,
		.revoked = on_revoked,
		.stopped = on_stopped,
		.ctx = m };
	struct err err = { .msg = "" };

	memset(m, 0, sizeof(*m));
	if (kafka_consumer_open(&m->consumer, &options, &err) < 0)
		fail_msg("open: %s", err.msg);
}

static inline void member_open(struct member *m, const char *topic, const char *group)
{
	member_open_with(m, topic, NULL, group);
}

static inline void serve_both(struct member *a, struct member *b)
{
	kafka_consumer_serve(a->consumer);
	if (b && b->consumer)
		kafka_consumer_serve(b->consumer);
	usleep(1000);
}

/* Serves the members (b may be NULL) until the condition holds. */
#define SERVE_UNTIL(a, b, condition) \
	do { \
		int64_t deadline_ = clock_mono_ms() + DEADLINE_MS; \
		while (!(condition)) { \
			if (clock_mono_ms() > deadline_) \
				fail_msg("timed out waiting for " #condition); \
			serve_both((a), (b)); \
		} \
	} while (0)

static inline void start_all(struct member *m, int64_t offset)
{
	struct consumer_position positions[PARTITIONS_MAX];
	struct err err = { .msg = "" };

	for (size_t i = 0; i < m->n; i++)
		positions[i] = (struct consumer_position){ m->partitions[i], offset };
	if (kafka_consumer_start(m->consumer, positions, m->n, &err) < 0)
		fail_msg("start: %s", err.msg);
	m->started = true;
}

static inline bool owns(const struct member *m, int32_t partition)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->partitions[i].number == partition)
			return true;
	return false;
}

/* Polls until count messages came or the deadline passed; checks that each partition of next[] comes in order. */
static inline void expect_in_order(struct member *m, int64_t next[PARTITIONS_MAX], int count)
{
	int64_t deadline = clock_mono_ms() + DEADLINE_MS;
	struct kafka_message message;
	struct err err = { .msg = "" };

	while (count > 0) {
		int64_t value = -1;
		int rc;

		if (m->comes_back && m->n > 0 && !m->started)
			start_all(m, next[m->partitions[0].number]);
		rc = kafka_consumer_poll(m->consumer, 100, &message, &err);
		if (rc < 0)
			fail_msg("poll: %s", err.msg);
		if (clock_mono_ms() > deadline)
			fail_msg("%d messages are missing", count);
		if (rc == 0)
			continue;
		assert_true(owns(m, message.partition));
		assert_int_equal(message.offset, next[message.partition]++);
		assert_true(str_to_i64(message.value, &value));
		assert_int_equal(value, message.offset);
		kafka_message_release(&message);
		count--;
	}
}

static inline void expect_nothing(struct member *m, int for_ms)
{
	int64_t until = clock_mono_ms() + for_ms;
	struct kafka_message message;
	struct err err;

	while (clock_mono_ms() < until)
		assert_int_equal(kafka_consumer_poll(m->consumer, 50, &message, &err), 0);
}

#endif
