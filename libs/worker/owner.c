/* The partitions that this replica owns; see owner.h, and owner_private.h for its files. The life of the assigned
 * partitions:
 *
 *                on_assigned()                owner_acquire(): epochs raised, outbox adopted, fetching
 *   UNASSIGNED ---------------> ACQUIRING --------------------------------------------------------> RUNNING
 *
 *   RUNNING, ACQUIRING -- owner_restart() --> ACQUIRING, after a backoff
 *   RUNNING, ACQUIRING -- on_revoked() -----> UNASSIGNED
 *
 * Invariant: leaving RUNNING, and every assignment and revocation, raises the generation and calls lost()
 * (owner_discard()), so that nothing begun under an earlier generation counts as owned. */
#include "worker/owner_private.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"

#include <stdlib.h>

#define SLICE_MS         20
#define ABANDON_AFTER_MS 1000 /* once stopping: how long the current statement may still take */
/* Another owner has raised the epoch: Kafka will revoke the partitions here, at the latest when the group's session
 * (10 s) expires. When it does not, blazzctl progress reset has raised it, and this replica acquires the partitions
 * again. */
#define FENCED_WAIT_MS 12000

/* Runs while a statement waits: Kafka's callbacks, publishing and the service's idle work continue. Non-zero abandons
 * the statement. */
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
		return 1; /* its caller must not use what lost() has freed, nor raise the new owners' epochs */
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
	owner_discard(o);
	o->pending.kind = ERR_NONE;
	o->reacquire_mono_ms = 0;
	if (o->state == OWNER_RUNNING)
		o->state = OWNER_ACQUIRING;
	o->retry_mono_ms = clock_mono_ms() + wait;
	service_condition_set(o->consuming, false, why->msg);
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
static int owner_maintain(struct owner *o, struct err *err)
{
	int64_t now = clock_mono_ms();

	if (o->pending.kind != ERR_NONE) {
		*err = o->pending;
		return -1;
	}
	if (o->reacquire_mono_ms != 0 && now >= o->reacquire_mono_ms)
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
	o->stop_mono_ms = 0; /* a service that drains has further turns, each with a second of its own */
	owner_publish(o);
	kafka_consumer_serve(o->consumer);
	o->begun = o->generation;
	if (o->state == OWNER_ACQUIRING && clock_mono_ms() >= o->retry_mono_ms) {
		rc = owner_acquire(o, &failure);
	} else {
		if (timeout_ms > 0)
			publisher_poll(o->publisher, timeout_ms);
		if (o->state == OWNER_RUNNING)
			rc = owner_maintain(o, &failure);
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

void owner_hold_topics(struct owner *o, bool bulk, bool held)
{
	for (int32_t t = 0; t < o->n_topics; t++)
		if (owner_is_bulk(o, t) == bulk)
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

	owner_commit_kafka_offsets(o);
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
