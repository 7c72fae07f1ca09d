/* The partitions that this replica owns; see owner.h. This file: assignment, turns, reports, close. owner_take.c: acquiring. owner_tx.c:
 * one transaction. The life of the assigned partitions:
 *
 *                on_assigned()           owner_take(): epochs raised, outbox adopted, fetching
 *   UNASSIGNED ---------------> TAKING --------------------------------------------------------> RUNNING
 *
 *   RUNNING, TAKING -- owner_restart() --> TAKING, after a backoff
 *   RUNNING, TAKING -- on_revoked() -----> UNASSIGNED
 *
 * Invariant: leaving RUNNING, and every assignment and revocation, raises the generation and calls lost() (owner_forget()), so that
 * nothing begun under an earlier generation counts as owned. */
#include "worker/owner_private.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_MS         20
#define ABANDON_AFTER_MS 1000 /* once stopping: how long the current statement may still take */
/* Another owner has raised the epoch: Kafka will revoke the partitions here, at the latest when the group's session (10 s) expires. When it
 * does not, blazzctl progress reset has raised it, and this replica acquires the partitions again. */
#define FENCED_WAIT_MS 12000
#define ASK_AGAIN_MS   30000
/* A partition that follows and was not fetched once in this time does not exist yet, or may not be read. */
#define UNREAD_AFTER_MS 5000

/* Kafka's callbacks. They may run while a statement waits: the current batch continues, fenced by its epoch; records received for
 * later batches and rows waiting to be published are left to the next owner. */

static void owner_forget(struct owner *o)
{
	o->generation++;
	publisher_forget_all(o->publisher);
	o->ops->lost(o->ctx);
}

/* Sets the metric of a blocked slot, labelled with the broker's error, until the slot is unblocked or revoked. */
static void slot_report_blocked(struct owner *o, struct slot_state *s, const char *cause)
{
	const char *topic = owner_topic(o, s->partition);
	char partition[16];

	if (strcmp(s->blocked, cause) == 0)
		return;
	snprintf(partition, sizeof(partition), "%d", s->partition.number);
	if (s->blocked[0])
		metric_set(METRIC_CELL(o->metrics.blocked, topic, partition, s->blocked), 0);
	if (cause[0])
		metric_set(METRIC_CELL(o->metrics.blocked, topic, partition, cause), 1);
	snprintf(s->blocked, sizeof(s->blocked), "%s", cause);
}

static void slot_report(struct owner *o, struct topic_partition partition, double lag, bool stopped)
{
	const char *topic = owner_topic(o, partition);
	char number[16];

	snprintf(number, sizeof(number), "%d", partition.number);
	if (lag >= 0)
		metric_set(METRIC_CELL(o->metrics.lag, topic, number), lag);
	metric_set(METRIC_CELL(o->metrics.stopped, topic, number), stopped);
}

/* Clears the metrics of revoked partitions: the next owner reports them, so that a sum over the replicas counts each partition once. */
static void slots_unreport(struct owner *o)
{
	for (size_t i = 0; i < o->n_slots; i++) {
		slot_report_blocked(o, &o->slots[i], "");
		slot_report(o, o->slots[i].partition, 0, false);
	}
}

static void on_assigned(void *ctx, const struct topic_partition *partitions, size_t n)
{
	struct owner *o = ctx;

	slots_unreport(o);
	free(o->slots);
	o->slots = mem_calloc(n ? n : 1, sizeof(*o->slots));
	o->n_slots = n;
	for (size_t i = 0; i < n; i++)
		o->slots[i] = (struct slot_state){ .partition = partitions[i],
			.progress = { owner_topic(o, partitions[i]), partitions[i].number, 0, 0, PROGRESS_NO_OFFSET },
			.told_offset = PROGRESS_NO_OFFSET };
	owner_forget(o);
	o->state = OWNER_TAKING;
	o->retry_mono_ms = 0;
	log_info("partitions assigned", LOG_I("partitions", n));
}

static void on_revoked(void *ctx)
{
	struct owner *o = ctx;

	slots_unreport(o);
	o->n_slots = 0;
	owner_forget(o);
	o->state = OWNER_UNASSIGNED;
	log_info("partitions revoked");
}

static void on_stopped(void *ctx, struct topic_partition partition, enum kafka_stop stop, const struct err *why)
{
	struct owner *o = ctx;
	struct slot_state *s = owner_slot(o, partition);

	log_error("partition stopped", LOG_S("topic", owner_topic(o, partition)), LOG_I("partition", partition.number),
		LOG_ERR(why));
	if (!s)
		return;
	/* A topic that is followed does not wait for the low watermark of one that follows it. */
	if (stop == KAFKA_STOP_NO_OFFSET && owner_follows(o, partition.topic))
		o->ask_mono_ms = clock_mono_ms() + ASK_AGAIN_MS;
	else if (stop == KAFKA_STOP_NO_OFFSET)
		o->pending = *why;
	s->stopped = s->stopped || stop == KAFKA_STOP_OUT_OF_RANGE;
}

struct slot_state *owner_slot(const struct owner *o, struct topic_partition partition)
{
	for (size_t i = 0; i < o->n_slots; i++)
		if (topic_partition_eq(o->slots[i].partition, partition))
			return &o->slots[i];
	return NULL;
}

struct topic_partition owner_fence(const struct owner *o, struct topic_partition partition)
{
	return (struct topic_partition){ o->fences[partition.topic], partition.number };
}

const char *owner_topic(const struct owner *o, struct topic_partition partition)
{
	return o->options.topics[partition.topic].name;
}

/* Runs while a statement waits: Kafka's callbacks, publishing and the service's idle work continue. Non-zero abandons the statement. */
static int owner_idle(void *ctx)
{
	struct owner *o = ctx;

	service_alive(o->service);
	o->idled = true;
	kafka_consumer_serve(o->consumer);
	publisher_poll(o->publisher, 0);
	if (o->ops->idle)
		o->ops->idle(o->ctx);
	if (!o->in_tx && o->begun != o->generation)
		return 1; /* the statement's caller must not use what lost() has freed, nor raise the epochs of the new owners */
	if (!service_stopping(o->service))
		return 0;
	if (o->stop_mono_ms == 0)
		o->stop_mono_ms = clock_mono_ms();
	return clock_mono_ms() - o->stop_mono_ms > ABANDON_AFTER_MS;
}

static int64_t retry_wait_ms(struct owner *o)
{
	int64_t most = backoff_ms(o->options.backoff_min_ms, o->options.backoff_max_ms, o->failures++);

	return backoff_jitter(most, rng_unit());
}

void owner_restart(struct owner *o, const struct err *why)
{
	bool reassigned = o->begun != o->generation;
	int64_t wait = !reassigned && why->kind == ERR_FENCED ? FENCED_WAIT_MS : retry_wait_ms(o);

	log_warn("batch failed, will retry", LOG_I("retry_in_ms", wait), LOG_I("failures", o->failures), LOG_ERR(why));
	metric_add(METRIC_CELL(o->metrics.retries, o->options.topics[0].name, why->code[0] ? why->code : "other"), 1);
	owner_forget(o);
	o->pending.kind = ERR_NONE;
	o->ask_mono_ms = 0;
	if (o->state == OWNER_RUNNING)
		o->state = OWNER_TAKING;
	o->retry_mono_ms = clock_mono_ms() + wait;
	service_condition_set(o->consuming, false, why->msg);
}

/* Commits to Kafka the offsets that have advanced since the last call. Only tools that show lag read them, so once a second is enough and
 * spares the broker. */
static void owner_tell_offsets(struct owner *o)
{
	struct consumer_position *positions = mem_calloc(o->n_slots + 1, sizeof(*positions));
	size_t n = 0;

	for (size_t i = 0; i < o->n_slots; i++) {
		struct slot_state *s = &o->slots[i];

		if (s->progress.next_offset == s->told_offset)
			continue;
		s->told_offset = s->progress.next_offset;
		positions[n++] = (struct consumer_position){ s->partition, s->told_offset };
	}
	kafka_consumer_commit(o->consumer, positions, n);
	free(positions);
}

static void slots_report_blocked(struct owner *o)
{
	char reason[300] = "";

	for (size_t i = 0; i < o->n_slots; i++) {
		struct slot_state *s = &o->slots[i];
		const char *cause = publisher_blocked(o->publisher, s->partition);

		slot_report_blocked(o, s, cause ? cause : "");
		if (cause)
			snprintf(reason, sizeof(reason), "%s, partition %d: the broker refuses a record (%s)",
				owner_topic(o, s->partition), s->partition.number, cause);
	}
	service_condition_set(o->outbox, !reason[0], reason);
}

static void slots_report(struct owner *o)
{
	char reason[300] = "";

	for (size_t i = 0; i < o->n_slots; i++) {
		const struct slot_state *s = &o->slots[i];
		int64_t high = kafka_consumer_cached_high(o->consumer, s->partition);
		bool known = high >= 0 && s->progress.next_offset >= 0;
		bool unread = high < 0 && owner_follows(o, s->partition.topic) && owner_running(o) &&
			clock_mono_ms() - o->started_mono_ms > UNREAD_AFTER_MS;

		slot_report(o, s->partition, known ? (double)(high - s->progress.next_offset) : -1, s->stopped);
		if (s->stopped || unread)
			snprintf(reason, sizeof(reason), "%s, partition %d: %s", owner_topic(o, s->partition),
				s->partition.number,
				s->stopped ? "the offset is out of range" : "it does not exist or may not be read");
	}
	service_condition_set(o->partitions, !reason[0], reason);
}

static void topics_report(struct owner *o)
{
	for (int32_t t = 0; t < o->n_topics; t++) {
		const char *topic = o->options.topics[t].name;

		if (owner_follows(o, t))
			continue;
		metric_set(METRIC_CELL(o->metrics.outbox, topic), (double)publisher_rows(o->publisher, t));
		metric_set(METRIC_CELL(o->metrics.oldest, topic), (double)publisher_oldest_ms(o->publisher, t) / 1000);
	}
}

static void owner_report(struct owner *o)
{
	int64_t now = clock_mono_ms();

	if (now < o->report_mono_ms)
		return;
	o->report_mono_ms = now + 1000;
	owner_tell_offsets(o);
	slots_report(o);
	topics_report(o);
	slots_report_blocked(o);
	service_condition_set(o->kafka, kafka_consumer_healthy(o->consumer) && publisher_healthy(o->publisher),
		"no broker");
}

struct adoption owner_adoption(const struct owner *o)
{
	struct adoption a = { o->publisher, o->pg, o->options.consumer, { NULL }, o->n_topics };

	for (int32_t t = 0; t < o->n_topics; t++)
		a.topics[t] = o->options.topics[t].name;
	return a;
}

static int delete_acknowledged(struct owner *o, struct err *err)
{
	struct adoption a = owner_adoption(o);

	return outbox_delete_acknowledged(&a, err);
}

/* Regular work while partitions are owned that no transaction of the service does. */
static int owner_tend(struct owner *o, struct err *err)
{
	int64_t now = clock_mono_ms();

	if (o->pending.kind != ERR_NONE) {
		*err = o->pending;
		return -1;
	}
	if (o->ask_mono_ms != 0 && now >= o->ask_mono_ms)
		return err_set(err, ERR_RETRY, "NO_OFFSET", "the query for a low watermark is repeated");
	if (now < o->tidy_mono_ms)
		return 0;
	o->tidy_mono_ms = now + o->options.tidy_interval_ms;
	return delete_acknowledged(o, err) < 0 ? -1 : owner_adopt(o, err);
}

void owner_publish(struct owner *o)
{
	if (!o->idled || !o->ops->busy || !o->ops->busy(o->ctx))
		publisher_poll(o->publisher, 0);
}

int owner_turn(struct owner *o, int timeout_ms, struct err *err)
{
	struct err failure = { 0 };
	int rc = 0;

	service_alive(o->service);
	owner_publish(o);
	kafka_consumer_serve(o->consumer);
	o->begun = o->generation;
	if (o->state == OWNER_TAKING && clock_mono_ms() >= o->retry_mono_ms) {
		rc = owner_take(o, &failure);
	} else {
		if (timeout_ms > 0)
			publisher_poll(o->publisher, timeout_ms);
		if (o->state == OWNER_RUNNING)
			rc = owner_tend(o, &failure);
	}
	owner_report(o);
	if (rc < 0 && failure.kind == ERR_FATAL) {
		*err = failure;
		return -1;
	}
	if (rc < 0)
		owner_restart(o, &failure);
	return 0;
}

int owner_step(struct owner *o, int timeout_ms, int (*turn)(void *ctx, struct err *err), void *ctx, struct err *err)
{
	struct err failure = { 0 };

	if (owner_turn(o, timeout_ms, err) < 0)
		return -1;
	if (!owner_running(o) || turn(ctx, &failure) == 0)
		return 0;
	if (failure.kind == ERR_FATAL) {
		*err = failure;
		return -1;
	}
	owner_restart(o, &failure);
	return 0;
}

bool owner_running(const struct owner *o)
{
	return o->state == OWNER_RUNNING;
}

uint64_t owner_generation(const struct owner *o)
{
	return o->generation;
}

const struct progress *owner_progress(const struct owner *o, struct topic_partition partition)
{
	const struct slot_state *s = owner_running(o) ? owner_slot(o, partition) : NULL;

	return s ? &s->progress : NULL;
}

struct topic_partition *owner_partitions(const struct owner *o, struct arena *a, size_t *n)
{
	struct topic_partition *partitions = ARENA_ARRAY(a, struct topic_partition, o->n_slots);

	*n = 0;
	for (size_t i = 0; owner_running(o) && i < o->n_slots; i++)
		if (!owner_follows(o, o->slots[i].partition.topic))
			partitions[(*n)++] = o->slots[i].partition;
	return partitions;
}

int owner_poll(struct owner *o, int timeout_ms, struct kafka_message *out, struct err *err)
{
	uint64_t generation = o->generation;
	int rc;

	if (!owner_running(o))
		return 0;
	rc = kafka_consumer_poll(o->consumer, timeout_ms, out, err);
	if (rc <= 0 || generation == o->generation)
		return rc;
	kafka_message_release(out); /* of a former assignment */
	return 0;
}

bool owner_fetch(const struct owner *o, struct kafka_message *out)
{
	return owner_running(o) && kafka_consumer_fetch(o->consumer, out);
}

void owner_hold(struct owner *o, struct topic_partition partition, bool held)
{
	kafka_consumer_hold(o->consumer, partition, held);
}

bool owner_follows(const struct owner *o, int32_t topic)
{
	return o->fences[topic] != topic;
}

void owner_hold_topics(struct owner *o, bool that_follow, bool held)
{
	for (int32_t t = 0; t < o->n_topics; t++)
		if (owner_follows(o, t) == that_follow)
			kafka_consumer_hold_topic(o->consumer, t, held);
}

int owner_fd(const struct owner *o)
{
	return kafka_consumer_fd(o->consumer);
}

size_t owner_outstanding(const struct owner *o)
{
	return publisher_backlog(o->publisher);
}

void owner_drain(struct owner *o, int64_t timeout_ms)
{
	int64_t until = clock_mono_ms() + timeout_ms;
	struct err err;

	owner_tell_offsets(o);
	while (publisher_total(o->publisher) > 0 && clock_mono_ms() < until) {
		service_alive(o->service);
		publisher_poll(o->publisher, SLICE_MS);
	}
	if (!o->pg || !pg_usable(o->pg))
		return;
	o->begun = o->generation;
	o->stop_mono_ms = 0; /* the deletion has its own second */
	if (delete_acknowledged(o, &err) < 0)
		log_warn("acknowledged outbox rows not deleted", LOG_ERR(&err));
	else
		log_info("drained", LOG_I("outbox_rows_left", publisher_total(o->publisher)));
}

void owner_topics_set(struct owner *o, const struct owner_options *options)
{
	o->options = *options;
	for (int32_t t = 0; t < CONSUMER_TOPICS_MAX && options->topics[t].name; t++) {
		o->fences[t] = t;
		for (int32_t f = 0; f < t && options->topics[t].follows; f++)
			if (strcmp(options->topics[f].name, options->topics[t].follows) == 0)
				o->fences[t] = f;
		o->n_topics = t + 1;
	}
}

void owner_metrics_init(struct owner *o)
{
	struct owner_metrics *m = &o->metrics;
	static const double seconds[] = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, -1 };

	m->records = metric_counter("blazz_worker_records", "Records by outcome.", "topic,outcome");
	m->dead = metric_counter("blazz_worker_dead_letters", "Dead letters by reason.", "topic,reason");
	m->retries = metric_counter("blazz_worker_retries", "Batches that failed and are retried, by error code.",
		"topic,code");
	m->duration = metric_histogram("blazz_worker_batch_seconds",
		"Time of one batch, from its transaction's begin to its commit.", "topic", seconds);
	m->lag = metric_gauge("blazz_worker_lag_records",
		"Records not consumed yet; 0 for a partition that was revoked.", "topic,partition");
	m->stopped = metric_gauge("blazz_worker_partition_stopped", "1 when the partition's offset is out of range.",
		"topic,partition");
	m->blocked = metric_gauge("blazz_worker_outbox_blocked",
		"1 while the broker refuses a record of the partition's outbox.", "topic,partition,cause");
	m->outbox =
		metric_gauge("blazz_worker_outbox_rows", "Outbox rows published and not yet acknowledged.", "topic");
	m->oldest = metric_gauge("blazz_worker_outbox_oldest_seconds",
		"Time since the commit of the oldest outbox row that is not acknowledged.", "topic");
	for (int32_t t = 0; t < o->n_topics; t++) {
		const char *topic = o->options.topics[t].name;

		(void)METRIC_CELL(m->duration, topic);
		if (owner_follows(o, t))
			continue;
		(void)METRIC_CELL(m->outbox, topic);
		(void)METRIC_CELL(m->oldest, topic);
	}
}

/* Opens the consumer: its group, its topics, its prefetch. */
static int owner_subscribe(struct owner *o, struct err *err)
{
	struct kafka_consumer_options consumer = {
		.config = service_kafka(o->service),
		.client_id = o->options.consumer,
		.group = o->options.consumer,
		.prefetch_kb = o->options.prefetch_kb,
		.assigned = on_assigned,
		.revoked = on_revoked,
		.stopped = on_stopped,
		.ctx = o,
	};

	for (int32_t t = 0; t < o->n_topics; t++)
		consumer.topics[t] = (struct consumer_topic){ o->options.topics[t].name, o->options.topics[t].follows };
	return kafka_consumer_open(&o->consumer, &consumer, err);
}

int owner_open(struct owner **out, struct service *service, const struct owner_options *options,
	const struct owner_ops *ops, void *ctx, struct err *err)
{
	struct owner *o = mem_calloc(1, sizeof(*o));

	o->service = service;
	owner_topics_set(o, options);
	o->options.pg.idle = owner_idle;
	o->options.pg.idle_ctx = o;
	o->ops = ops;
	o->ctx = ctx;
	o->consuming = service_condition(service, "consuming");
	o->partitions = service_condition(service, "partitions");
	o->kafka = service_condition(service, "kafka");
	o->outbox = service_condition(service, "outbox");
	if (publisher_open(&o->publisher, service_kafka(service), options->consumer, options->dlq_max_bytes, err) < 0 ||
		owner_subscribe(o, err) < 0) {
		owner_close(&o);
		return -1;
	}
	publisher_notify(o->publisher, ops->acknowledged, ctx);
	owner_metrics_init(o);
	*out = o;
	return 0;
}

/* Closing the consumer runs revoked() once more. */
void owner_close(struct owner **oo)
{
	struct owner *o = *oo;

	if (!o)
		return;
	if (o->consumer)
		kafka_consumer_close(&o->consumer);
	publisher_close(&o->publisher, SLICE_MS);
	pg_close(&o->pg);
	free(o->slots);
	free(o);
	*oo = NULL;
}
