/* The consumer. Separate queues keep group membership apart from messages, and the partitions from each other:
 *
 *   librdkafka's consumer queue ---> callbacks and errors only, served by kafka_consumer_serve() and _poll()
 *   partition p's own queue -------> forwarded to queues[i] of its slot; _poll() empties the queues in turns
 *
 * So a partition with a backlog, however much of it was prefetched, delays no other.
 *
 * Invariant: a partition is fetched only between kafka_consumer_start() and the next revocation. An assignment is accepted
 * at once with an empty assign(), which keeps the member in its group without fetching; start() then assigns with offsets.
 * librdkafka raises a partition's version with every assign() and pause, and drops messages of an older version
 * when they are read from the queue; it pauses everything before it announces a revocation. So no message of an old assignment
 * is returned. Its errors carry no version: they are discarded between stopping and starting.
 */
#include "kafka/consumer.h"

#include <assert.h>
#include <librdkafka/rdkafka.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "kafka/client.h"
#include "kafka/errors.h"
#include "kafka/message.h"

#if KAFKA_OFFSET_BEGINNING != RD_KAFKA_OFFSET_BEGINNING
#error "positions are passed to librdkafka unchanged"
#endif

#define LEAVE_TIMEOUT_MS 6000 /* librdkafka waits 5 s for the answer itself */
/* How much of one partition is returned before the next has its turn. */
#define TURN_RECORDS 64
#define TURN_BYTES   ((size_t)64 * 1024)

struct slot {
	struct topic_partition partition;
	bool stopped; /* stopped() was called since the last start */
	bool held; /* see kafka_consumer_hold() */
};

struct kafka_consumer {
	struct kafka_client client; /* first: librdkafka's opaque */
	rd_kafka_t *rk;
	rd_kafka_queue_t *callbacks; /* librdkafka's consumer queue */
	rd_kafka_queue_t **queues; /* of the slots, in their order; kept for the slots of later assignments */
	size_t queues_count;
	size_t turn; /* the slot whose turn it is; below: how much of it was returned in this turn */
	size_t turn_records, turn_bytes;
	int fd;
	char *topics[CONSUMER_TOPICS_MAX];
	int32_t topics_count;
	int32_t follows[CONSUMER_TOPICS_MAX]; /* the topic that it follows; itself when it is subscribed to */
	bool topics_held[CONSUMER_TOPICS_MAX]; /* see kafka_consumer_hold_topic() */
	bool assigned; /* between assigned() and revoked() */
	struct slot *slots; /* the current assignment */
	size_t slots_count;
	struct err error; /* found while serving callbacks, returned by the next poll; ERR_NONE when there is none */
	void (*on_assigned)(void *ctx, const struct topic_partition *partitions, size_t n);
	void (*on_revoked)(void *ctx);
	void (*on_stopped)(void *ctx, struct topic_partition partition, enum kafka_stop stop, const struct err *why);
	void *ctx;
};

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

static rd_kafka_topic_partition_list_t *partitions_of(const struct kafka_consumer *c, const struct consumer_position *p,
	size_t n)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);

	for (size_t i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(list, c->topics[p[i].partition.topic], p[i].partition.number)
			->offset = p[i].offset;
	return list;
}

static int assign(struct kafka_consumer *c, const struct consumer_position *positions, size_t n, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = partitions_of(c, positions, n);
	rd_kafka_resp_err_t code = rd_kafka_assign(c->rk, list);

	rd_kafka_topic_partition_list_destroy(list);
	return code ? kafka_err_set(err, code, "assign", NULL) : 0;
}

/* Empties all queues: librdkafka itself drops the messages of stopped partitions, so that only their errors are left. */
static void messages_discard(struct kafka_consumer *c)
{
	rd_kafka_message_t *m;

	for (size_t i = 0; i < c->queues_count; i++)
		while ((m = rd_kafka_consume_queue(c->queues[i], 0)))
			rd_kafka_message_destroy(m);
}

static bool topic_find(const struct kafka_consumer *c, const char *name, int32_t *topic)
{
	for (int32_t t = 0; t < c->topics_count; t++)
		if (strcmp(c->topics[t], name) == 0) {
			*topic = t;
			return true;
		}
	return false;
}

/* Sets the slots to the partitions that the group assigned and, for each, the partitions that follow it. */
static void slots_set(struct kafka_consumer *c, const rd_kafka_topic_partition_list_t *list)
{
	int given = list ? list->cnt : 0;

	c->slots_count = 0;
	c->slots = mem_realloc(c->slots, ((size_t)(given * c->topics_count) + 1) * sizeof(*c->slots));
	for (int32_t t = 0; t < c->topics_count; t++)
		for (int i = 0; i < given; i++)
			if (strcmp(list->elems[i].topic, c->topics[c->follows[t]]) == 0)
				c->slots[c->slots_count++] =
					(struct slot){ .partition = { t, list->elems[i].partition } };
}

static struct slot *slot_find(struct kafka_consumer *c, struct topic_partition partition)
{
	for (size_t i = 0; i < c->slots_count; i++)
		if (topic_partition_eq(c->slots[i].partition, partition))
			return &c->slots[i];
	return NULL;
}

static void assignment_accept(struct kafka_consumer *c, const rd_kafka_topic_partition_list_t *list)
{
	struct topic_partition *partitions;
	struct err err;

	if (assign(c, NULL, 0, &err) < 0)
		c->error = err;
	slots_set(c, list);
	partitions = mem_calloc(c->slots_count + 1, sizeof(*partitions));
	for (size_t i = 0; i < c->slots_count; i++)
		partitions[i] = c->slots[i].partition;
	c->assigned = true;
	c->on_assigned(c->ctx, partitions, c->slots_count);
	free(partitions);
}

static void assignment_give_up(struct kafka_consumer *c)
{
	bool was_assigned = c->assigned;

	rd_kafka_assign(c->rk, NULL);
	slots_set(c, NULL);
	c->assigned = false;
	if (was_assigned)
		c->on_revoked(c->ctx);
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list, void *opaque)
{
	(void)rk;
	if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
		assignment_accept(opaque, list);
	else
		assignment_give_up(opaque);
}

/* Defaults first, so that the keys of the configuration override them. Before librdkafka 2.2 a full queue stops a partition's fetches for
 * a second: 16 MiB last that long at 25,000 messages of 600 bytes a second. */
static int consumer_conf(rd_kafka_conf_t *conf, const struct kafka_consumer_options *o, struct err *err)
{
	int session_ms = o->session_timeout_ms ? o->session_timeout_ms : 10000;
	int heartbeat_ms = session_ms / 3 < 3000 ? session_ms / 3 : 3000;
	int prefetch_kb = o->prefetch_kb ? o->prefetch_kb : 16384;

	rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
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

static int consumer_subscribe(struct kafka_consumer *c, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(c->topics_count);
	rd_kafka_resp_err_t code;

	for (int32_t t = 0; t < c->topics_count; t++)
		if (c->follows[t] == t)
			rd_kafka_topic_partition_list_add(list, c->topics[t], RD_KAFKA_PARTITION_UA);
	code = rd_kafka_subscribe(c->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	return code ? kafka_err_set(err, code, "subscribe", NULL) : 0;
}

static void topics_set(struct kafka_consumer *c, const struct consumer_topic *topics)
{
	for (int32_t t = 0; t < CONSUMER_TOPICS_MAX && topics[t].name; t++) {
		c->follows[t] = t;
		if (topics[t].follows) {
			bool known = topic_find(c, topics[t].follows, &c->follows[t]);

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

/* Leaves the group within LEAVE_TIMEOUT_MS: rd_kafka_consumer_close() would wait for commits in flight for as long as the
 * coordinator does not answer. After the timeout the member's session expires by itself. */
static void group_leave(struct kafka_consumer *c)
{
	int64_t deadline_ms = clock_mono_ms() + LEAVE_TIMEOUT_MS;
	rd_kafka_queue_t *events = rd_kafka_queue_new(c->rk);
	rd_kafka_error_t *error = rd_kafka_consumer_close_queue(c->rk, events);
	rd_kafka_message_t *m;

	while (!error && !rd_kafka_consumer_closed(c->rk) && clock_mono_ms() < deadline_ms)
		if ((m = rd_kafka_consume_queue(events, 50)))
			rd_kafka_message_destroy(m);
	if (error)
		rd_kafka_error_destroy(error);
	rd_kafka_queue_destroy(events);
}

static void consumer_disconnect(struct kafka_consumer *c)
{
	kafka_event_unwatch(c->callbacks);
	for (size_t i = 0; i < c->queues_count; i++)
		kafka_event_unwatch(c->queues[i]);
	group_leave(c);
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

void kafka_consumer_serve(struct kafka_consumer *c)
{
	rd_kafka_message_t *m;

	while ((m = rd_kafka_consumer_poll(c->rk, 0))) {
		kafka_err_set(&c->error, m->err, "consumer", rd_kafka_message_errstr(m));
		rd_kafka_message_destroy(m);
	}
}

/* Stopping a partition clears the forwarding of its queue, on librdkafka's main thread and after assign() has returned.
 * rd_kafka_assignment() waits until that thread has done so; only then may forwarding be set up again: set earlier, it
 * would be cleared, and the partition's messages would not be returned. */
static void fetching_stop(struct kafka_consumer *c)
{
	rd_kafka_topic_partition_list_t *list = NULL;
	struct err err;

	if (assign(c, NULL, 0, &err) == 0 && !rd_kafka_assignment(c->rk, &list))
		rd_kafka_topic_partition_list_destroy(list);
}

static void slots_forward(struct kafka_consumer *c)
{
	if (c->queues_count < c->slots_count)
		c->queues = mem_realloc(c->queues, c->slots_count * sizeof(*c->queues));
	for (; c->queues_count < c->slots_count; c->queues_count++) {
		c->queues[c->queues_count] = rd_kafka_queue_new(c->rk);
		kafka_event_watch(c->queues[c->queues_count], c->fd);
	}
	for (size_t i = 0; i < c->slots_count; i++) {
		struct topic_partition p = c->slots[i].partition;
		rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(c->rk, c->topics[p.topic], p.number);

		rd_kafka_queue_forward(queue, c->queues[i]);
		rd_kafka_queue_destroy(queue);
	}
}

static int positions_check(struct kafka_consumer *c, const struct consumer_position *positions, size_t n,
	struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (!slot_find(c, positions[i].partition))
			return err_set(err, ERR_CONFLICT, "partition",
				"%s: partition %d is not assigned to this consumer",
				c->topics[positions[i].partition.topic], (int)positions[i].partition.number);
	return 0;
}

int kafka_consumer_start(struct kafka_consumer *c, const struct consumer_position *positions, size_t n, struct err *err)
{
	if (positions_check(c, positions, n, err) < 0)
		return -1;
	fetching_stop(c);
	slots_forward(c);
	messages_discard(c);
	for (size_t i = 0; i < c->slots_count; i++)
		c->slots[i].stopped = c->slots[i].held = false;
	return assign(c, positions, n, err);
}

static void error_dispatch(struct kafka_consumer *c, const rd_kafka_message_t *m)
{
	struct topic_partition partition = { 0, m->partition };
	struct slot *slot;
	struct err why;

	if (!m->rkt) {
		kafka_err_set(&c->error, m->err, "consumer", rd_kafka_message_errstr(m));
		return;
	}
	slot = topic_find(c, rd_kafka_topic_name(m->rkt), &partition.topic) ? slot_find(c, partition) : NULL;
	if (!slot || slot->stopped)
		return;
	slot->stopped = true;
	c->on_stopped(c->ctx, partition, kafka_stop_of(m, &why), &why);
}

/* False when m was an error, which has then been handled. */
static bool message_take(struct kafka_consumer *c, rd_kafka_message_t *m, struct kafka_message *out)
{
	if (!m->err) {
		bool known;

		kafka_message_fill(out, m);
		known = topic_find(c, rd_kafka_topic_name(m->rkt), &out->topic);
		assert(known);
		return true;
	}
	error_dispatch(c, m);
	rd_kafka_message_destroy(m);
	return false;
}

static bool queue_is_held(const struct kafka_consumer *c, size_t i)
{
	return i < c->slots_count && (c->slots[i].held || c->topics_held[c->slots[i].partition.topic]);
}

static bool anything_waits(struct kafka_consumer *c)
{
	for (size_t i = 0; i < c->queues_count; i++)
		if (!queue_is_held(c, i) && rd_kafka_queue_length(c->queues[i]) > 0)
			return true;
	return rd_kafka_queue_length(c->callbacks) > 0;
}

static void turn_pass(struct kafka_consumer *c)
{
	c->turn = (c->turn + 1) % c->queues_count;
	c->turn_records = c->turn_bytes = 0;
}

static rd_kafka_message_t *message_next(struct kafka_consumer *c)
{
	rd_kafka_message_t *m;

	if (c->turn_records >= TURN_RECORDS || c->turn_bytes >= TURN_BYTES)
		turn_pass(c);
	for (size_t i = 0; i < c->queues_count; i++, turn_pass(c)) {
		m = queue_is_held(c, c->turn) ? NULL : rd_kafka_consume_queue(c->queues[c->turn], 0);
		if (!m)
			continue;
		c->turn_records++;
		c->turn_bytes += m->len;
		return m;
	}
	return NULL;
}

/* Called when no message was found. librdkafka signals only the first entry of an empty queue: an entry that arrived before the
 * descriptor was cleared is signalled again, so that the descriptor stays readable for as long as something waits. */
static bool wait_for_more(struct kafka_consumer *c, int64_t deadline_ms)
{
	struct pollfd wait = { .fd = c->fd, .events = POLLIN };
	int64_t left_ms;

	kafka_event_clear(c->fd);
	if (anything_waits(c)) {
		kafka_event_signal(c->fd);
		return true;
	}
	left_ms = deadline_ms - clock_mono_ms();
	return left_ms > 0 && poll(&wait, 1, left_ms < INT_MAX ? (int)left_ms : INT_MAX) > 0;
}

static int error_take(struct kafka_consumer *c, struct err *err)
{
	if (err)
		*err = c->error;
	c->error = (struct err){ .kind = ERR_NONE };
	return -1;
}

static bool message_fetch(struct kafka_consumer *c, struct kafka_message *out)
{
	rd_kafka_message_t *m;

	while ((m = message_next(c)))
		if (message_take(c, m, out))
			return true;
	return false;
}

bool kafka_consumer_fetch(struct kafka_consumer *c, struct kafka_message *out)
{
	if (message_fetch(c, out))
		return true;
	wait_for_more(c, 0);
	return false;
}

int kafka_consumer_poll(struct kafka_consumer *c, int timeout_ms, struct kafka_message *out, struct err *err)
{
	int64_t deadline_ms = timeout_ms > 0 ? clock_mono_ms() + timeout_ms : 0;

	do {
		if (rd_kafka_queue_length(c->callbacks) > 0)
			kafka_consumer_serve(c);
		if (c->error.kind != ERR_NONE)
			return error_take(c, err);
		if (message_fetch(c, out))
			return 1;
	} while (c->error.kind != ERR_NONE || wait_for_more(c, deadline_ms));
	return 0;
}

void kafka_consumer_hold(struct kafka_consumer *c, struct topic_partition partition, bool held)
{
	struct slot *slot = slot_find(c, partition);

	if (!slot || slot->held == held)
		return;
	slot->held = held;
	if (!held)
		kafka_event_signal(c->fd); /* for messages that are already waiting */
}

void kafka_consumer_hold_topic(struct kafka_consumer *c, int32_t topic, bool held)
{
	if (c->topics_held[topic] && !held)
		kafka_event_signal(c->fd); /* as above */
	c->topics_held[topic] = held;
}

int kafka_consumer_fd(const struct kafka_consumer *c)
{
	return c->fd;
}

void kafka_consumer_commit(struct kafka_consumer *c, const struct consumer_position *positions, size_t n)
{
	rd_kafka_topic_partition_list_t *list;

	if (n == 0)
		return;
	list = partitions_of(c, positions, n);
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
	char *id = rd_kafka_clusterid(c->rk, timeout_ms);
	size_t n = id ? strlen(id) : 0;
	int rc = -1;

	if (!id) {
		err_set(err, ERR_RETRY, "cluster_id", "the cluster's id is not known yet");
	} else if (n >= 64) {
		err_set(err, ERR_INPUT, "cluster_id", "the cluster's id has %zu characters", n);
	} else {
		memcpy(out, id, n + 1);
		rc = 0;
	}
	if (id)
		rd_kafka_mem_free(c->rk, id);
	return rc;
}

bool kafka_consumer_healthy(const struct kafka_consumer *c)
{
	return c->client.up;
}
