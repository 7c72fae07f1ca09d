/* blazzctl topics copy: the records of all topics, to another Kafka cluster.
 *
 * Each record keeps its partition, key, value, headers and timestamp, and a partition has no gap and no repeat: old
 * offset - new offset is constant, and the map (copy_map.h) has that difference before the first record is produced. So
 * the number of records in the target says where an interrupted copy continues; that its last record equals the one
 * there in the source proves it.
 *
 * A pass reads each topic once, from where the target ends to the end of the source. --follow repeats passes. */
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "config/config.h"
#include "copy_map.h"
#include "ctl.h"
#include "kafka/producer.h"
#include "kafka/reader.h"

#define PAUSE_MS         1000 /* between passes */
#define SEND_TIMEOUT_MS  60000
#define RECORD_MAX_BYTES (TOPIC_DEAD_LETTER_MAX_BYTES + 1024 * 1024)

struct copy_options {
	const char *to, *map;
	bool follow;
};

static const struct option_row copy_rows[] = {
	{ "to", OPTION_TEXT, offsetof(struct copy_options, to), "FILE",
		"the other cluster: its kafka.* settings, in the syntax of a configuration file" },
	{ "map", OPTION_TEXT, offsetof(struct copy_options, map), "FILE",
		"is written: which offsets the records have there; keep it until progress move" },
	{ "follow", OPTION_FLAG, offsetof(struct copy_options, follow), NULL,
		"copies new records, too, until it is interrupted" },
	{ 0 },
};

struct copy {
	const struct kafka_config *source;
	struct kafka_config *target;
	struct kafka_producer *producer;
	struct kafka_topic_info *topics;
	size_t n_topics;
	const char *erasure;
	const char *path;
	struct copy_map map;
	size_t placed; /* topics whose target was compared */
	int64_t records;
	/* Of the topic that is being copied: */
	struct copy_topic *topic;
	bool known; /* the map had it before this run */
	struct kafka_reader *there; /* owns the records of `last` */
	struct kafka_message *last; /* by partition, the target's last record; empty: nothing to compare */
	int64_t *acknowledged; /* by partition, the offset of the next record that the target acknowledges */
	struct err failure; /* the first one of a delivery */
};

/* The target */

static void delivered(void *ctx, void *opaque, const struct err *failure, int32_t partition, int64_t offset)
{
	struct copy *c = ctx;
	int64_t expected = c->acknowledged[partition]++;

	(void)opaque;
	if (c->failure.kind != ERR_NONE)
		return;
	if (failure)
		c->failure = *failure;
	else if (!c->topic->compacted && offset != expected)
		err_set(&c->failure, ERR_INPUT, "offset",
			"%s, partition %d: a record has offset %lld there instead of %lld: another program writes to it. "
			"Delete the topics there and the map, and copy again",
			c->topic->name, (int)partition, (long long)offset, (long long)expected);
}

static int delivery_check(const struct copy *c, struct err *err)
{
	if (c->failure.kind == ERR_NONE)
		return 0;
	*err = c->failure;
	return -1;
}

static int record_put(struct copy *c, const struct kafka_message *m, struct err *err)
{
	struct kafka_record record = { .topic = c->topic->name,
		.partition = m->partition,
		.key = m->key,
		.value = m->value,
		.headers = m->headers,
		.headers_count = m->headers_count,
		.timestamp_ms = m->timestamp_ms > 0 ? m->timestamp_ms : 0 };
	int64_t deadline_ms = clock_mono_ms() + SEND_TIMEOUT_MS;

	while (kafka_produce(c->producer, &record, err) < 0) {
		if (err->kind != ERR_BUSY || clock_mono_ms() > deadline_ms)
			return -1;
		kafka_producer_poll(c->producer, 100);
		if (delivery_check(c, err) < 0)
			return -1;
	}
	kafka_producer_poll(c->producer, 0);
	return delivery_check(c, err);
}

static int flush(struct copy *c, struct err *err)
{
	int64_t deadline_ms = clock_mono_ms() + SEND_TIMEOUT_MS + CTL_TIMEOUT_MS;

	while (kafka_producer_in_flight(c->producer) > 0 && clock_mono_ms() < deadline_ms)
		kafka_producer_poll(c->producer, 100);
	if (delivery_check(c, err) < 0)
		return -1;
	return kafka_producer_in_flight(c->producer) == 0
		? 0
		: err_set(err, ERR_RETRY, "timeout", "%zu records were not acknowledged",
			  kafka_producer_in_flight(c->producer));
}

/* Where a partition continues */

static int place_one(struct copy *c, const struct kafka_range *source, const struct kafka_range *target,
	struct err *err)
{
	struct copy_topic *t = c->topic;
	struct copy_range *at = &t->at[source->partition];

	if (target->high == 0) {
		*at = (struct copy_range){ source->low, source->low };
		return 0;
	}
	if (!c->known)
		return err_set(err, ERR_INPUT, "target",
			"%s, partition %d has records there, and %s does not know them: they are not of this copy",
			t->name, (int)source->partition, c->path);
	if (t->compacted) {
		at->next = at->next > source->low ? at->next : source->low;
		return 0;
	}
	at->next = at->first + target->high;
	if (at->next > source->high)
		return err_set(err, ERR_INPUT, "target",
			"%s, partition %d has more records there than here: something else writes to it", t->name,
			(int)source->partition);
	if (at->next < source->low)
		return err_set(err, ERR_INPUT, "retention",
			"%s, partition %d: retention removed records here before they were copied. Delete the topics there "
			"and the map, and copy again",
			t->name, (int)source->partition);
	return 0;
}

static bool messages_equal(const struct kafka_message *a, const struct kafka_message *b)
{
	if (!str_eq(a->key, b->key) || !str_eq(a->value, b->value) || a->timestamp_ms != b->timestamp_ms ||
		a->headers_count != b->headers_count)
		return false;
	for (size_t i = 0; i < a->headers_count; i++)
		if (!str_eq(a->headers[i].name, b->headers[i].name) ||
			!str_eq(a->headers[i].value, b->headers[i].value))
			return false;
	return true;
}

/* Reads the last record of each partition of the target. */
static int last_read(struct copy *c, struct err *err)
{
	struct kafka_message m;
	const struct kafka_range *ranges;
	size_t n;
	int rc;

	ranges = kafka_reader_ranges(c->there, &n);
	for (size_t i = 0; i < n; i++)
		kafka_reader_start_at(c->there, ranges[i].partition,
			c->topic->compacted || ranges[i].low == ranges[i].high ? ranges[i].high : ranges[i].high - 1);
	while ((rc = kafka_reader_next(c->there, CTL_TIMEOUT_MS, &m, err)) == 1)
		c->last[m.partition] = m;
	return rc;
}

/* The map has each partition's place on disk before a record is produced. */
static int topic_place(struct copy *c, struct kafka_reader *source, struct err *err)
{
	const struct kafka_range *from, *to;
	struct copy_topic *t = c->topic;
	size_t n, m;

	if (kafka_reader_open(&c->there, c->target, t->name, CTL_TIMEOUT_MS, err) < 0)
		return -1;
	from = kafka_reader_ranges(source, &n);
	to = kafka_reader_ranges(c->there, &m);
	if (n != m || n != t->n)
		return err_set(err, ERR_INPUT, "partitions", "%s has %zu partitions here and %zu there", t->name, n, m);
	for (size_t i = 0; i < n; i++) {
		if (place_one(c, &from[i], &to[i], err) < 0)
			return -1;
		c->acknowledged[i] = to[i].high;
	}
	return copy_map_write(c->path, &c->map, err) < 0 ? -1 : last_read(c, err);
}

/* Copying */

static int record_copy(struct copy *c, const struct kafka_message *m, struct err *err)
{
	struct kafka_message *last = &c->last[m->partition];
	struct copy_range *at = &c->topic->at[m->partition];

	if (last->handle) {
		bool same = m->offset == at->next - 1 && messages_equal(m, last);

		kafka_message_release(last);
		return same ? 0
			    : err_set(err, ERR_INPUT, "target",
				      "%s, partition %d: the last record there is not the one at offset %lld here",
				      c->topic->name, (int)m->partition, (long long)at->next - 1);
	}
	if (m->offset != at->next && !c->topic->compacted)
		return err_set(err, ERR_INPUT, "gap",
			"%s, partition %d has no record at offset %lld: offsets there would not match", c->topic->name,
			(int)m->partition, (long long)at->next);
	if (record_put(c, m, err) < 0)
		return -1;
	at->next = m->offset + 1;
	c->records++;
	return 0;
}

/* A gap at the end of a partition is one, too. */
static int ends_check(struct copy *c, struct kafka_reader *source, struct err *err)
{
	const struct kafka_range *ranges;
	size_t n;

	ranges = kafka_reader_ranges(source, &n);
	for (size_t i = 0; i < n; i++) {
		struct copy_range *at = &c->topic->at[i];

		if (at->next < ranges[i].high && !c->topic->compacted)
			return err_set(err, ERR_INPUT, "gap",
				"%s, partition %zu has no record at offset %lld: offsets there would not match",
				c->topic->name, i, (long long)at->next);
		at->next = ranges[i].high;
	}
	return 0;
}

static int records_copy(struct copy *c, struct kafka_reader *source, struct err *err)
{
	const struct kafka_range *ranges;
	struct kafka_message m;
	size_t n;
	int rc;

	ranges = kafka_reader_ranges(source, &n);
	for (size_t i = 0; i < n; i++) {
		int64_t next = c->topic->at[i].next;

		if (c->last[i].handle && next - 1 < ranges[i].low) /* retention removed its original since */
			kafka_message_release(&c->last[i]);
		kafka_reader_start_at(source, ranges[i].partition, c->last[i].handle ? next - 1 : next);
	}
	while ((rc = kafka_reader_next(source, CTL_TIMEOUT_MS, &m, err)) == 1) {
		rc = record_copy(c, &m, err);
		kafka_message_release(&m);
		if (rc < 0)
			return -1;
	}
	return rc == 0 && flush(c, err) == 0 ? ends_check(c, source, err) : -1;
}

static bool reached(const struct copy_topic *t, struct kafka_reader *source)
{
	const struct kafka_range *ranges;
	size_t n;

	ranges = kafka_reader_ranges(source, &n);
	for (size_t i = 0; i < n && i < t->n; i++)
		if (t->at[i].next != ranges[i].high)
			return false;
	return true;
}

static void topic_begin(struct copy *c, const struct kafka_topic_info *info)
{
	c->topic = copy_map_find(&c->map, info->name);
	c->known = c->topic;
	if (!c->topic)
		c->topic = copy_map_add(&c->map, info->name, (size_t)info->partitions);
	c->topic->compacted = strcmp(info->name, c->erasure) == 0;
	c->last = mem_calloc(c->topic->n + 1, sizeof(*c->last));
	c->acknowledged = mem_calloc(c->topic->n + 1, sizeof(*c->acknowledged));
}

static void topic_end(struct copy *c)
{
	for (size_t i = 0; i < c->topic->n; i++)
		kafka_message_release(&c->last[i]);
	kafka_reader_close(&c->there);
	free(c->last);
	free(c->acknowledged);
	c->last = NULL;
	c->acknowledged = NULL;
}

/* In later passes the target is where the former one left it. */
static int topic_copy(struct copy *c, size_t i, struct err *err)
{
	struct kafka_reader *source = NULL;
	int rc = -1;

	topic_begin(c, &c->topics[i]);
	if (kafka_reader_open(&source, c->source, c->topic->name, CTL_TIMEOUT_MS, err) == 0 &&
		((i < c->placed && reached(c->topic, source)) ||
			(topic_place(c, source, err) == 0 && records_copy(c, source, err) == 0 &&
				copy_map_write(c->path, &c->map, err) == 0)))
		rc = 0;
	if (rc == 0 && i == c->placed)
		c->placed++;
	if (rc < 0) { /* reports that come later are about a topic that ends here */
		struct err first = *err;

		kafka_producer_close(&c->producer, 0);
		*err = first;
	}
	topic_end(c);
	kafka_reader_close(&source);
	return rc;
}

/* The command */

struct kafka_keys {
	struct kafka_config *kafka;
	struct err *err;
	int rc;
};

static void key_fill(void *ctx, const char *key, const char *value)
{
	struct kafka_keys *f = ctx;

	if (f->rc == 0)
		f->rc = kafka_config_set(f->kafka, key, value, f->err);
}

static int target_read(struct copy *c, const char *file, struct err *err)
{
	struct kafka_keys fill = { .err = err };

	fill.kafka = c->target = kafka_config_new();
	if (config_file_each_kafka(file, key_fill, &fill, err) < 0 || fill.rc < 0) {
		err->kind = ERR_CONFIG;
		return -1;
	}
	return kafka_config_get(c->target, "bootstrap.servers")
		? 0
		: err_set(err, ERR_CONFIG, "config", "%s has no kafka.bootstrap.servers", file);
}

static int cluster_ask(const struct kafka_config *config, const char *topic, char out[static 64], struct err *err)
{
	struct kafka_reader *r = NULL;
	int rc = -1;

	if (kafka_reader_open(&r, config, topic, CTL_TIMEOUT_MS, err) == 0)
		rc = kafka_reader_cluster_id(r, CTL_TIMEOUT_MS, out, err);
	kafka_reader_close(&r);
	return rc;
}

static int clusters_check(struct copy *c, struct err *err)
{
	char from[64], to[64];

	if (cluster_ask(c->source, c->topics[0].name, from, err) < 0)
		return -1;
	if (cluster_ask(c->target, c->topics[0].name, to, err) < 0)
		return err_wrap(err, "the other cluster");
	if (strcmp(from, to) == 0)
		return err_set(err, ERR_INPUT, "cluster", "both settings lead to Kafka cluster %s", from);
	if (c->map.n > 0 && (strcmp(c->map.from, from) != 0 || strcmp(c->map.to, to) != 0))
		return err_set(err, ERR_INPUT, "cluster", "%s is the map of a copy from %s to %s", c->path, c->map.from,
			c->map.to);
	memcpy(c->map.from, from, sizeof(from));
	memcpy(c->map.to, to, sizeof(to));
	return 0;
}

static int copy_open(struct copy *c, struct ctl *ctl, struct err *err)
{
	struct kafka_producer_options options = { .client_id = "blazzctl",
		.message_timeout_ms = SEND_TIMEOUT_MS,
		.gapless = true,
		.max_message_bytes = RECORD_MAX_BYTES,
		.delivered = delivered,
		.ctx = c };
	char prefix[TOPIC_NAME_MAX];
	struct kafka_admin *admin;

	snprintf(prefix, sizeof(prefix), "%s.", ctl->settings.topic_prefix);
	c->erasure = ctl->topics.of[TOPIC_ERASURE];
	if (ctl_kafka(ctl, &c->source, err) < 0 || copy_map_read(c->path, true, &c->map, err) < 0 ||
		ctl_kafka_admin(ctl, &admin, err) < 0 ||
		kafka_admin_list(admin, prefix, false, CTL_TIMEOUT_MS, &c->topics, &c->n_topics, err) < 0)
		return -1;
	if (c->n_topics == 0)
		return err_set(err, ERR_INPUT, "topics", "there is no topic whose name begins with %s", prefix);
	options.config = c->target;
	return clusters_check(c, err) < 0 ? -1 : kafka_producer_open(&c->producer, &options, err);
}

static int pass(struct copy *c, bool json, struct err *err)
{
	int64_t before = c->records;

	for (size_t i = 0; i < c->n_topics; i++)
		if (topic_copy(c, i, err) < 0)
			return -1;
	if (json)
		printf("{\"topics\":%zu,\"records\":%lld}\n", c->n_topics, (long long)(c->records - before));
	else
		printf("%zu topics, %lld records copied\n", c->n_topics, (long long)(c->records - before));
	return fflush(stdout) == 0 ? 0 : err_set(err, ERR_INPUT, "output", "the output cannot be written");
}

static int copy(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct copy_options *o = options;
	struct copy c = { .path = o->map };
	int rc = -1;

	(void)arguments;
	if (!o->to || !o->map)
		return ctl_usage(err, "--to and --map are needed");
	if (target_read(&c, o->to, err) < 0 || copy_open(&c, ctl, err) < 0)
		goto out;
	rc = pass(&c, ctl->json, err);
	while (rc == 0 && o->follow) {
		(void)poll(NULL, 0, PAUSE_MS);
		rc = pass(&c, ctl->json, err);
	}
out:
	kafka_producer_close(&c.producer, 0);
	kafka_config_free(c.target);
	copy_map_fini(&c.map);
	free(c.topics);
	return rc;
}

const struct command topics_copy_commands[] = {
	{ "topics", "copy", NULL, 0, 0, copy_rows, sizeof(struct copy_options),
		"copies all records to another Kafka cluster; continues where an interrupted copy ended", copy },
	{ 0 },
};
