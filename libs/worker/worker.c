/* The loop of a consumer into PostgreSQL; see worker.h. This file: filling batches, the main loop. commit.c: one
 * batch. */
#include "worker/private.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define SLICE_MS 50
#define DRAIN_MS 5000

#define SWEEP_SHARE 5 /* of the time, one of so many */

/* While the backlog has this many batches, in records or bytes, no records are received. */
#define BACKLOG_BATCHES 4

static bool backlog_has_room(const struct worker *w)
{
	return w->backlog.n < BACKLOG_BATCHES * w->filling->cap &&
		w->backlog.bytes < BACKLOG_BATCHES * w->options.batch_max_bytes;
}

/* Holds the topics whose batch is full. True when a batch has room, and the backlog too. */
static bool has_room(struct worker *w)
{
	bool live = !batch_full(w->filling), bulk = w->bulk && !batch_full(w->bulk);

	if (w->bulk) {
		owner_hold_topics(w->owner, false, !live);
		owner_hold_topics(w->owner, true, !bulk);
	}
	return (live || bulk) && backlog_has_room(w);
}

/* Receives messages while a batch has room and messages are there. */
static int worker_fill(struct worker *w, int timeout_ms, struct err *err)
{
	struct kafka_message m;
	int rc;

	while (has_room(w)) {
		rc = owner_poll(w->owner, timeout_ms, &m, err);
		if (rc <= 0)
			return rc;
		batch_add(owner_is_bulk(w->owner, m.topic) ? w->bulk : w->filling, &m, w->ops, w->ctx);
		timeout_ms = 0;
	}
	return 0;
}

static int on_acquired(void *ctx, struct pg *pg, const struct progress *partitions, size_t n, struct err *err)
{
	struct worker *w = ctx;

	if (w->ops->assignment_changed)
		w->ops->assignment_changed(w->ctx);
	return w->ops->acquired ? w->ops->acquired(w->ctx, pg, partitions, n, err) : 0;
}

/* The batch being committed continues, fenced by its epoch; records received for later ones are left to the next
 * owner. */
static void on_lost(void *ctx)
{
	struct worker *w = ctx;

	if (w->pending.kind != ERR_FATAL)
		w->pending.kind = ERR_NONE;
	batch_reset(w->filling);
	if (w->bulk)
		batch_reset(w->bulk);
	backlog_reset(&w->backlog);
	if (w->ops->lost)
		w->ops->lost(w->ctx);
}

static void on_idle(void *ctx)
{
	struct worker *w = ctx;
	struct err err;

	if (worker_fill(w, 0, &err) < 0)
		w->pending = err;
}

static bool on_busy(void *ctx)
{
	const struct worker *w = ctx;

	return batch_full(w->filling) || (w->bulk && batch_full(w->bulk));
}

static const struct owner_ops owner_ops = { .acquired = on_acquired,
	.lost = on_lost,
	.idle = on_idle,
	.busy = on_busy };

/* Until the batch is due: 0 at once, -1 when it has no records. */
static int64_t batch_wait_ms(const struct worker *w, const struct batch *b)
{
	int64_t lingered, paced, due;

	if (!b || b->n == 0)
		return -1;
	if (batch_full(b))
		return 0;
	lingered = b->first_mono_ms + w->options.batch_linger_ms;
	paced = w->begun_mono_ms + b->interval_ms;
	due = (lingered > paced ? lingered : paced) - clock_mono_ms();
	return due > 0 ? due : 0;
}

static bool batch_is_due(const struct worker *w, const struct batch *b)
{
	return batch_wait_ms(w, b) == 0;
}

struct batch **worker_due(struct worker *w)
{
	bool live = batch_is_due(w, w->filling), bulk = batch_is_due(w, w->bulk);

	if (live && bulk && batch_full(w->filling))
		return slice_due(w->live_us, w->slice_us) ? &w->bulk : &w->filling;
	if (live && bulk)
		return w->working->is_bulk ? &w->filling : &w->bulk; /* `working` was the last one committed */
	return live ? &w->filling : bulk ? &w->bulk : NULL;
}

/* Takes the batch at *place, to be committed; the batch committed before replaces it there, and is filled next. */
static struct batch *batch_replace(struct worker *w, struct batch **place)
{
	struct batch *b = *place;

	w->working->limit = b->limit;
	w->working->is_bulk = b->is_bulk;
	*place = w->working;
	w->working = b;
	w->begun_mono_ms = clock_mono_ms();
	return b;
}

static bool has_back_pressure(const struct worker *w)
{
	return owner_outstanding(w->owner) >= (size_t)w->options.outbox_max_outstanding;
}

/* Moves records of partitions in the backlog to the end of the backlog, so that they stay in order. */
static void batch_sort(struct worker *w, struct batch *b)
{
	struct kafka_message *messages = mem_calloc(b->n + 1, sizeof(*messages));
	size_t n = b->n;

	memcpy(messages, b->messages, n * sizeof(*messages));
	b->n = 0; /* the messages are not released */
	batch_reset(b);
	for (size_t i = 0; i < n; i++) {
		if (backlog_has(&w->backlog, kafka_message_partition(&messages[i])))
			backlog_add(&w->backlog, &messages[i]);
		else
			batch_add(b, &messages[i], w->ops, w->ctx);
	}
	free(messages);
}

static bool batch_has_postponed(const struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->items[i].postponed)
			return true;
	return false;
}

void worker_postpone(struct worker *w, struct batch *b)
{
	struct backlog before = w->backlog;

	if (!batch_has_postponed(b))
		return;
	w->backlog = (struct backlog){ .limit = before.limit, .turn = before.turn };
	for (size_t i = 0; i < b->n; i++) {
		if (!b->items[i].postponed)
			continue;
		owner_hold(w->owner, b->items[i].partition, true);
		backlog_add(&w->backlog, &b->messages[i]);
	}
	for (size_t i = 0; i < before.n; i++)
		backlog_add(&w->backlog, &before.messages[i]);
	free(before.messages);
	batch_sort(w, w->filling);
	if (w->bulk)
		batch_sort(w, w->bulk);
}

/* Until a batch, the backlog or a step is due: 0 at once, -1 when there is none. */
static int64_t work_wait_ms(const struct worker *w)
{
	int64_t live = batch_wait_ms(w, w->filling), bulk = batch_wait_ms(w, w->bulk);

	if (w->backlog.n > 0 || w->step_due)
		return 0;
	return live < 0 || (bulk >= 0 && bulk < live) ? bulk : live;
}

/* How long a turn waits for records. */
static int fill_wait_ms(const struct worker *w, bool back_pressure)
{
	int64_t wait_ms = back_pressure ? 0 : work_wait_ms(w);

	if (wait_ms < 0 || wait_ms > SLICE_MS)
		wait_ms = SLICE_MS;
	return wait_ms < w->wait_ms ? (int)wait_ms : w->wait_ms;
}

static bool sweep_is_due(const struct worker *w)
{
	return clock_mono_ms() >= w->sweep_mono_ms || (w->ops->sweep_wanted && w->ops->sweep_wanted(w->ctx));
}

/* Those that the interval causes take at most a fifth of the time, however much they have to look at. */
static int paced_sweep(struct worker *w, struct err *err)
{
	int64_t began = clock_mono_ms(), end, pause_ms;
	int rc = worker_sweep(w, err);

	end = clock_mono_ms();
	pause_ms = (SWEEP_SHARE - 1) * (end - began);
	w->sweep_mono_ms = end + (pause_ms > w->options.sweep_interval_ms ? pause_ms : w->options.sweep_interval_ms);
	return rc;
}

/* One turn while partitions are owned. */
static int turn(void *ctx, struct err *err)
{
	struct worker *w = ctx;
	bool back_pressure = has_back_pressure(w);
	struct batch **due;

	if (w->pending.kind != ERR_NONE) {
		*err = w->pending;
		return -1;
	}
	if (worker_fill(w, fill_wait_ms(w, back_pressure), err) < 0)
		return -1;
	if (back_pressure || !owner_running(w->owner))
		return 0;
	due = worker_due(w);
	w->sweep_had_turn = sweep_is_due(w) && !(w->sweep_had_turn && (due || w->backlog.n > 0));
	if (w->sweep_had_turn)
		return paced_sweep(w, err);
	w->step_had_turn = w->step_due && !(w->step_had_turn && (w->backlog.n > 0 || due));
	if (w->step_had_turn)
		return worker_step(w, err);
	w->backlog_had_turn = w->backlog.n > 0 && !(w->backlog_had_turn && due);
	if (w->backlog_had_turn)
		return worker_commit_backlog(w, err);
	return due ? worker_commit(w, batch_replace(w, due), err) : 0;
}

int64_t worker_wait_ms(const struct worker *w)
{
	return owner_running(w->owner) && !has_back_pressure(w) ? work_wait_ms(w) : -1;
}

int worker_turn(struct worker *w, int timeout_ms, struct err *err)
{
	bool waits = !owner_running(w->owner) || has_back_pressure(w);

	if (w->pending.kind == ERR_FATAL) { /* the consumer returns it once */
		*err = w->pending;
		return -1;
	}
	w->wait_ms = timeout_ms;
	return owner_step(w->owner, waits ? timeout_ms : 0, turn, w, err);
}

bool worker_receives(const struct worker *w)
{
	bool room = !batch_full(w->filling) || (w->bulk && !batch_full(w->bulk));

	return room && backlog_has_room(w) && !has_back_pressure(w);
}

struct owner *worker_owner(struct worker *w)
{
	return w->owner;
}

int worker_run(struct worker *w, struct err *err)
{
	while (!service_stopping(w->service))
		if (worker_turn(w, SLICE_MS, err) < 0)
			return -1;
	owner_drain(w->owner, DRAIN_MS);
	return 0;
}

/* Records of a topic that follows another may be as heavy as a whole batch each; of others a tenth of one, which a slice begins with, takes no
 * longer for being fewer. */
static void bulk_open(struct worker *w, int32_t topic)
{
	if (!owner_is_bulk(w->owner, topic))
		return;
	if (!w->bulk) {
		w->bulk = batch_new(&w->options, w->owner);
		w->bulk->is_bulk = true;
		w->bulk->limit = w->bulk_least =
			(w->bulk->cap + 9) / 10; /* until the first slices have been measured */
	}
	if (owner_follows(w->owner, topic))
		w->bulk_least = 1;
}

int worker_open(struct worker **out, struct service *service, const struct worker_options *options,
	const struct worker_ops *ops, void *ctx, struct err *err)
{
	static const double sizes[] = { 1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, -1 };
	struct worker *w = mem_calloc(1, sizeof(*w));

	w->service = service;
	w->options = *options;
	w->ops = ops;
	w->ctx = ctx;
	w->size = metric_histogram("blazz_worker_batch_records", "Records in one batch.", "topic", sizes);
	if (owner_open(&w->owner, service, &options->owner, &owner_ops, w, err) < 0) {
		free(w);
		return -1;
	}
	w->working = batch_new(&w->options, w->owner);
	w->filling = batch_new(&w->options, w->owner);
	for (int32_t t = 0; t < CONSUMER_TOPICS_MAX && options->owner.topics[t].name; t++)
		bulk_open(w, t);
	w->backlog.limit = ISOLATED_MAX;
	*out = w;
	return 0;
}

void worker_close(struct worker **ww)
{
	struct worker *w = *ww;

	if (!w)
		return;
	batch_reset(w->working);
	batch_reset(w->filling);
	if (w->bulk)
		batch_reset(w->bulk);
	backlog_fini(&w->backlog); /* the messages are released before the owner closes, which calls lost() once more */
	owner_close(&w->owner);
	batch_free(w->working);
	batch_free(w->filling);
	batch_free(w->bulk);
	free(w);
	*ww = NULL;
}
