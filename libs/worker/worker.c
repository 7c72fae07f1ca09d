/* The loop of a consumer into PostgreSQL; see worker.h. This file: assignment, taking in, the main loop. commit.c: one batch. */
#include "worker/private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"
#include "store/schema.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_MS           50
#define ABANDON_AFTER_MS   1000 /* once stopping: how long a statement in hand may still take */
#define DRAIN_MS           5000
#define CLUSTER_ID_WAIT_MS 1000
/* Another owner fenced us off: our revocation is on its way, at the latest when the group's session (10 s) has ended. When none
 * comes, it was blazzctl progress reset, and the partitions are still ours. */
#define FENCED_WAIT_MS 12000
#define ADOPT_ROWS     256 /* outbox rows read at once */

/* Kafka's callbacks. They may run inside a wait for PostgreSQL: the batch in hand goes on, fenced by its epoch; what was taken in
 * for later, or waits to be published, is now the next owner's. */

static void worker_forget(struct worker *w)
{
	w->generation++;
	batch_reset(w->filling);
	publisher_forget_all(w->publisher);
}

/* The metric of a slot that blocks, by what the broker says, until it moves again or is somebody else's. */
static void slot_report_blocked(struct worker *w, struct slot_state *s, const char *cause)
{
	char partition[16];

	if (strcmp(s->blocked, cause) == 0)
		return;
	snprintf(partition, sizeof(partition), "%d", s->progress.partition);
	if (s->blocked[0])
		metric_set(METRIC_CELL(w->metrics.blocked, partition, s->blocked), 0);
	if (cause[0])
		metric_set(METRIC_CELL(w->metrics.blocked, partition, cause), 1);
	snprintf(s->blocked, sizeof(s->blocked), "%s", cause);
}

static void slots_unblock(struct worker *w)
{
	for (size_t i = 0; i < w->n_slots; i++)
		slot_report_blocked(w, &w->slots[i], "");
}

static void on_assigned(void *ctx, const int32_t *partitions, size_t n)
{
	struct worker *w = ctx;

	slots_unblock(w);
	free(w->slots);
	w->slots = mem_calloc(n ? n : 1, sizeof(*w->slots));
	w->n_slots = n;
	for (size_t i = 0; i < n; i++)
		w->slots[i] = (struct slot_state){ .progress = { partitions[i], 0, 0, PROGRESS_NO_OFFSET },
			.told_offset = PROGRESS_NO_OFFSET };
	worker_forget(w);
	w->state = WORKER_TAKING;
	w->retry_mono_ms = 0;
	log_info("partitions assigned", LOG_I("partitions", n));
}

static void on_revoked(void *ctx)
{
	struct worker *w = ctx;

	slots_unblock(w);
	w->n_slots = 0;
	worker_forget(w);
	w->state = WORKER_UNASSIGNED;
	log_info("partitions revoked");
}

static void on_stopped(void *ctx, int32_t partition, const struct err *why)
{
	struct worker *w = ctx;

	log_error("partition stopped", LOG_S("topic", w->options.topic), LOG_I("partition", partition), LOG_ERR(why));
	if (why->kind == ERR_RETRY && strcmp(why->code, "NO_OFFSET") == 0)
		w->pending = *why; /* the low watermark could not be asked for: only a new start asks again */
	if (why->kind != ERR_CONFLICT)
		return;
	for (size_t i = 0; i < w->n_slots; i++)
		if (w->slots[i].progress.partition == partition)
			w->slots[i].stopped = true;
}

struct slot_state *worker_slot(struct worker *w, int32_t partition)
{
	for (size_t i = 0; i < w->n_slots; i++)
		if (w->slots[i].progress.partition == partition)
			return &w->slots[i];
	return NULL;
}

/* Takes messages into `filling` for as long as there is room and something is there. */
static int worker_fill(struct worker *w, int timeout_ms, struct err *err)
{
	struct kafka_message m;
	uint64_t generation = w->generation;
	int rc;

	if (w->state != WORKER_RUNNING || batch_full(w->filling))
		return 0;
	while (!batch_full(w->filling)) {
		rc = kafka_consumer_poll(w->consumer, timeout_ms, &m, err);
		if (rc < 0)
			return -1;
		if (rc == 0)
			break;
		if (generation != w->generation) { /* of an assignment that is gone */
			kafka_message_release(&m);
			break;
		}
		batch_take(w->filling, &m, w->ops, w->ctx);
		timeout_ms = 0;
	}
	return 0;
}

void worker_publish(struct worker *w)
{
	if (!w->idled || !batch_full(w->filling))
		publisher_poll(w->publisher, 0);
}

/* Runs while a statement waits: everything but PostgreSQL goes on. */
static int worker_idle(void *ctx)
{
	struct worker *w = ctx;
	struct err err;

	service_alive(w->service);
	w->idled = true;
	kafka_consumer_serve(w->consumer);
	publisher_poll(w->publisher, 0);
	if (worker_fill(w, 0, &err) < 0)
		w->pending = err;
	if (w->taking && w->taking != w->generation)
		return 1; /* it would fence the new owners */
	if (!service_stopping(w->service))
		return 0;
	if (w->stop_mono_ms == 0)
		w->stop_mono_ms = clock_mono_ms();
	return clock_mono_ms() - w->stop_mono_ms > ABANDON_AFTER_MS;
}

static int64_t backoff_ms(struct worker *w)
{
	int64_t ceiling = w->options.backoff_min_ms;

	for (int i = 0; i < w->failures && ceiling < w->options.backoff_max_ms; i++)
		ceiling *= 2;
	if (ceiling > w->options.backoff_max_ms)
		ceiling = w->options.backoff_max_ms;
	w->failures++;
	return ceiling / 2 + (int64_t)(rng_unit() * (double)ceiling / 2);
}

/* After any failure of the whole: forget what is in memory, and start again from what the database says. */
static void worker_restart(struct worker *w, const struct err *why, bool reassigned)
{
	int64_t wait = !reassigned && strcmp(why->code, "fenced") == 0 ? FENCED_WAIT_MS : backoff_ms(w);

	log_warn("batch put off", LOG_I("retry_in_ms", wait), LOG_I("failures", w->failures), LOG_ERR(why));
	metric_add(METRIC_CELL(w->metrics.retries, why->code[0] ? why->code : "other"), 1);
	w->ops->rolled_back(w->ctx);
	batch_reset(w->working);
	batch_reset(w->filling);
	publisher_forget_all(w->publisher);
	w->pending.kind = ERR_NONE;
	if (w->state == WORKER_RUNNING)
		w->state = WORKER_TAKING;
	w->retry_mono_ms = clock_mono_ms() + wait;
	service_condition_set(w->consuming, false, why->msg);
}

static int worker_connect(struct worker *w, struct err *err)
{
	if (!w->pg)
		return pg_open(&w->pg, &w->options.pg, err);
	return pg_usable(w->pg) ? 0 : pg_reconnect(w->pg, err);
}

struct adoption {
	struct worker *w;
	struct outbox_row last;
	int n;
};

static int keep_row(void *ctx, const struct outbox_row *row, struct err *err)
{
	struct adoption *a = ctx;
	struct buf records = BUF_INIT;

	(void)err;
	a->last = (struct outbox_row){ row->slot, row->epoch, row->seq, STR_NONE };
	a->n++;
	if (!worker_slot(a->w, row->slot)) /* revoked while we waited */
		return 0;
	buf_add_str(&records, row->records);
	publisher_add(a->w->publisher, row->slot, row->epoch, row->seq, &records);
	if (publisher_is_full(a->w->publisher, row->slot)) /* the rest of it later */
		a->last.epoch = a->last.seq = INT64_MAX;
	return 0;
}

/* Outbox rows that an earlier owner (or this one, before a restart) left behind; all of them go out before anything new. */
int worker_adopt(struct worker *w, struct err *err)
{
	int32_t *slots = mem_calloc(w->n_slots + 1, sizeof(*slots));
	struct adoption a = { .w = w };
	bool first = true;
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < w->n_slots; i++)
		if (!publisher_has_slot(w->publisher, w->slots[i].progress.partition)) {
			slots[n] = w->slots[i].progress.partition;
			publisher_adopt(w->publisher, slots[n++]);
		}
	do {
		struct outbox_row after = a.last;

		a.n = 0;
		rc = outbox_read(w->pg, w->options.consumer, slots, n, first ? NULL : &after, ADOPT_ROWS, keep_row, &a,
			err);
		first = false;
	} while (rc == 0 && a.n == ADOPT_ROWS);
	for (size_t i = 0; rc == 0 && i < n; i++)
		publisher_adopted(w->publisher, slots[i]);
	free(slots);
	return rc;
}

static int worker_start_fetching(struct worker *w, struct err *err)
{
	struct kafka_position *positions = mem_calloc(w->n_slots + 1, sizeof(*positions));
	int rc;

	for (size_t i = 0; i < w->n_slots; i++) {
		int64_t next = w->slots[i].progress.next_offset;

		positions[i] = (struct kafka_position){ w->slots[i].progress.partition,
			next == PROGRESS_NO_OFFSET ? KAFKA_OFFSET_BEGINNING : next };
		w->slots[i].stopped = false;
	}
	rc = kafka_consumer_start(w->consumer, positions, w->n_slots, err);
	free(positions);
	return rc;
}

/* Takes the assigned partitions over: raises their epochs, publishes what their outbox holds, starts fetching. */
static int worker_take(struct worker *w, struct err *err)
{
	uint64_t generation = w->generation;
	struct progress *rows;
	char cluster[64];
	int rc;

	if (worker_connect(w, err) < 0 || schema_version_check(w->pg, SCHEMA_VERSION, err) < 0 ||
		kafka_consumer_cluster_id(w->consumer, CLUSTER_ID_WAIT_MS, cluster, err) < 0 ||
		generation != w->generation)
		return generation != w->generation ? 0 : -1;
	rows = mem_calloc(w->n_slots + 1, sizeof(*rows));
	for (size_t i = 0; i < w->n_slots; i++)
		rows[i] = w->slots[i].progress;
	w->taking = generation;
	rc = progress_take(w->pg, w->options.consumer, w->options.topic, cluster, w->options.reset_cluster, rows,
		w->n_slots, err);
	for (size_t i = 0; rc == 0 && generation == w->generation && i < w->n_slots; i++)
		w->slots[i].progress = rows[i];
	w->taking = 0;
	free(rows);
	if (rc < 0 || generation != w->generation)
		return generation != w->generation ? 0 : rc;
	w->ops->assignment_changed(w->ctx);
	if (worker_adopt(w, err) < 0)
		return -1;
	if (generation != w->generation)
		return 0;
	if (worker_start_fetching(w, err) < 0)
		return -1;
	w->state = WORKER_RUNNING;
	service_condition_set(w->consuming, true, NULL);
	log_info("consuming", LOG_S("topic", w->options.topic), LOG_I("partitions", w->n_slots));
	return 0;
}

static bool batch_is_due(const struct worker *w)
{
	const struct batch *b = w->filling;

	return b->n > 0 && (batch_full(b) || clock_mono_ms() - b->first_mono_ms >= w->options.batch_linger_ms);
}

static void slots_report_blocked(struct worker *w)
{
	char reason[100] = "";

	for (size_t i = 0; i < w->n_slots; i++) {
		const char *cause = publisher_blocked(w->publisher, w->slots[i].progress.partition);

		slot_report_blocked(w, &w->slots[i], cause ? cause : "");
		if (cause)
			snprintf(reason, sizeof(reason), "partition %d: the broker refuses a record (%s)",
				w->slots[i].progress.partition, cause);
	}
	service_condition_set(w->outbox, !reason[0], reason);
}

static void worker_report(struct worker *w)
{
	int64_t now = clock_mono_ms();
	bool stopped = false;

	if (now < w->report_mono_ms)
		return;
	w->report_mono_ms = now + 1000;
	worker_tell_offsets(w);
	for (size_t i = 0; i < w->n_slots; i++) {
		const struct slot_state *s = &w->slots[i];
		int64_t high = kafka_consumer_cached_high(w->consumer, s->progress.partition);
		char partition[16];

		snprintf(partition, sizeof(partition), "%d", s->progress.partition);
		if (high >= 0 && s->progress.next_offset >= 0)
			metric_set(METRIC_CELL(w->metrics.lag, partition), (double)(high - s->progress.next_offset));
		metric_set(METRIC_CELL(w->metrics.stopped, partition), s->stopped);
		stopped = stopped || s->stopped;
	}
	metric_set(METRIC_CELL(w->metrics.outbox, NULL), (double)publisher_total(w->publisher));
	slots_report_blocked(w);
	service_condition_set(w->partitions, !stopped, stopped ? "a partition's offset is out of range" : NULL);
	service_condition_set(w->kafka, kafka_consumer_healthy(w->consumer) && publisher_healthy(w->publisher),
		"no broker");
}

/* One turn while partitions are ours. */
static int worker_turn(struct worker *w, struct err *err)
{
	int64_t now = clock_mono_ms();
	bool pushed_back = publisher_backlog(w->publisher) >= (size_t)w->options.outbox_max_outstanding;

	if (w->pending.kind != ERR_NONE) {
		*err = w->pending;
		return -1;
	}
	if (worker_fill(w, pushed_back || batch_is_due(w) ? 0 : w->filling->n > 0 ? 1 : SLICE_MS, err) < 0)
		return -1;
	if (w->state != WORKER_RUNNING)
		return 0;
	if (pushed_back) {
		publisher_poll(w->publisher, SLICE_MS);
		return 0;
	}
	if (now >= w->sweep_mono_ms) {
		w->sweep_mono_ms = now + w->options.sweep_interval_ms;
		return worker_sweep(w, err);
	}
	if (batch_is_due(w)) {
		struct batch *b = w->filling;

		w->filling = w->working;
		w->working = b;
		return worker_commit(w, b, err);
	}
	return 0;
}

int worker_run(struct worker *w, struct err *err)
{
	while (!service_stopping(w->service)) {
		struct err failure = { 0 };
		uint64_t generation = w->generation;
		int rc = 0;

		service_alive(w->service);
		worker_publish(w);
		kafka_consumer_serve(w->consumer);
		if (w->state == WORKER_TAKING && clock_mono_ms() >= w->retry_mono_ms)
			rc = worker_take(w, &failure);
		else if (w->state == WORKER_RUNNING)
			rc = worker_turn(w, &failure);
		else
			publisher_poll(w->publisher, SLICE_MS);
		worker_report(w);
		if (rc < 0 && failure.kind == ERR_FATAL) {
			*err = failure;
			return -1;
		}
		if (rc < 0)
			worker_restart(w, &failure, generation != w->generation);
	}
	worker_drain(w, DRAIN_MS);
	return 0;
}

static void metrics_init(struct worker_metrics *m)
{
	static const double seconds[] = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, -1 };
	static const double sizes[] = { 1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, -1 };

	m->records = metric_counter("blazz_worker_records", "Records by what became of them.", "outcome");
	m->dead = metric_counter("blazz_worker_dead_letters", "Dead letters by reason.", "reason");
	m->retries = metric_counter("blazz_worker_retries", "Batches put off, by error code.", "code");
	m->duration = metric_histogram("blazz_worker_batch_seconds",
		"Time of one batch, from its transaction's begin to its commit.", NULL, seconds);
	m->size = metric_histogram("blazz_worker_batch_records", "Records in one batch.", NULL, sizes);
	m->lag = metric_gauge("blazz_worker_lag_records", "Records not consumed yet.", "partition");
	m->stopped = metric_gauge("blazz_worker_partition_stopped", "1 when the partition's offset is out of range.",
		"partition");
	m->blocked = metric_gauge("blazz_worker_outbox_blocked",
		"1 while the broker refuses a record of the partition's outbox.", "partition,cause");
	m->outbox = metric_gauge("blazz_worker_outbox_rows", "Outbox rows published and not yet acknowledged.", NULL);
}

int worker_open(struct worker **out, struct service *service, const struct worker_options *options,
	const struct worker_ops *ops, void *ctx, struct err *err)
{
	struct worker *w = mem_calloc(1, sizeof(*w));
	struct kafka_consumer_options consumer = {
		.config = service_kafka(service),
		.client_id = options->consumer,
		.group = options->consumer,
		.topic = options->topic,
		.assigned = on_assigned,
		.revoked = on_revoked,
		.stopped = on_stopped,
		.ctx = w,
	};

	w->service = service;
	w->options = *options;
	w->options.pg.idle = worker_idle;
	w->options.pg.idle_ctx = w;
	w->ops = ops;
	w->ctx = ctx;
	w->working = batch_new(&w->options);
	w->filling = batch_new(&w->options);
	w->consuming = service_condition(service, "consuming");
	w->partitions = service_condition(service, "partitions");
	w->kafka = service_condition(service, "kafka");
	w->outbox = service_condition(service, "outbox");
	metrics_init(&w->metrics);
	w->working->dead_letters = w->filling->dead_letters = w->metrics.dead;
	if (publisher_open(&w->publisher, service_kafka(service), options->consumer, options->dlq_max_bytes, err) < 0 ||
		kafka_consumer_open(&w->consumer, &consumer, err) < 0) {
		worker_close(&w);
		return -1;
	}
	*out = w;
	return 0;
}

void worker_close(struct worker **ww)
{
	struct worker *w = *ww;

	if (!w)
		return;
	batch_reset(w->working);
	batch_reset(w->filling); /* a consumer is closed without its messages, and says once more that it is revoked */
	if (w->consumer)
		kafka_consumer_close(&w->consumer);
	publisher_close(&w->publisher, SLICE_MS);
	batch_free(w->working);
	batch_free(w->filling);
	pg_close(&w->pg);
	free(w->slots);
	free(w);
	*ww = NULL;
}
