/* From Kafka into PostgreSQL with exactly-once effect: the loop of every service whose sink is PostgreSQL.
 * Source: proto/README.md, Delivery.
 *
 * poll, decode, and then in one transaction: lock the progress of the partitions concerned (fenced by epoch), apply the
 * service's changes, advance, write one outbox row per partition with every record that follows. After the commit the rows are
 * published in order and deleted once acknowledged. The next batch is taken in while this one waits for PostgreSQL.
 *
 * One invariant: an offset, the changes it caused and the records that follow from it are in one commit, or none of them is.
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "base/arena.h"
#include "kafka/consumer.h"
#include "pg/pg.h"
#include "service/service.h"
#include "store/progress.h"
#include "wire/chat_event.h"
#include "wire/records.h"

struct batch;

/* One record of a batch. */
struct batch_item {
	int32_t partition;
	int64_t offset;
	const struct kafka_message
		*message; /* valid until the batch ends; NULL for a parked record that is taken up again */
	void *decoded;         /* what decode() made; NULL when it failed */
	struct str traceparent;              /* absent when there was none */
	enum outcome outcome;                /* set by apply(); starts as OUTCOME_NO_EFFECT */
};

struct worker_ops {
	/* Makes a record into the service's own struct, in the batch's arena. ERR_INPUT: a dead letter with err->code as its reason
	 * ("decode", "unsupported", "rule"). Runs while the previous batch may be committing: touches no shared state. */
	int (*decode)(void *ctx, const struct kafka_message *message, struct arena *a, void **decoded, struct err *err);
	/* How many changes the record asks for, at least 1: what counts towards batch_max_events, so that transactions stay short. NULL: 1
	 * each. */
	size_t (*weight)(const void *decoded);
	/* Applies items, in order, inside the open transaction: sets outcomes, emits records. It may be called several times for one
	 * batch when a data error is being bisected; whatever it changed in memory is undone by rolled_back(). ERR_INPUT: the data of
	 * one of these items is at fault. */
	int (*apply)(void *ctx, struct batch *b, struct batch_item *const *items, size_t n, struct err *err);
	/* Every few seconds, in a transaction of its own over all owned partitions: what is due (parked updates, stale syncs). Commits
	 * only when something was emitted or batch_changed() was called. May be NULL. */
	int (*sweep)(void *ctx, struct batch *b, const int32_t *partitions, size_t n, struct err *err);
	/* What apply() and sweep() changed in memory now holds, or never happened. */
	void (*committed)(void *ctx);
	void (*rolled_back)(void *ctx);
	/* This replica no longer (or newly) owns these partitions: forget what was cached for them. */
	void (*assignment_changed)(void *ctx);
};

struct worker_options {
	const char *consumer; /* "chat-sync": group, progress and outbox name */
	const char *topic, *dlq_topic; /* full names */
	int batch_max_events; /* by weight */
	int64_t batch_max_bytes;
	int batch_linger_ms; /* how long a batch may wait for more once it has something */
	int outbox_max_outstanding; /* rows per partition published and not yet acknowledged */
	int sweep_interval_ms;
	int backoff_min_ms, backoff_max_ms;
	int breaker_min_items; /* data errors in one batch from which a majority means an outage, not bad messages */
	bool reset_cluster; /* demo: another cluster's progress is started anew */
	int64_t dlq_max_bytes;
	struct pg_options pg; /* idle is the worker's own */
};

struct worker;

int worker_open(struct worker **out, struct service *service, const struct worker_options *options,
	const struct worker_ops *ops, void *ctx, struct err *err) ERR_MUST_USE;
/* Runs until service_stopping(); then finishes or abandons the batch in hand (within a second when PostgreSQL does not answer),
 * publishes what is outstanding (bounded), and returns. -1 only for what a restart may cure or a person must (ERR_FATAL). */
int worker_run(struct worker *w, struct err *err) ERR_MUST_USE;
void worker_close(struct worker **w);

/* Inside apply() and sweep() */

struct pg *batch_pg(struct batch *b);
struct arena *batch_arena(struct batch *b); /* lives until the batch is committed or given up */
/* The stamp for the next record of this partition; batch_emit() uses it up. */
struct event_source batch_source(struct batch *b, int32_t partition);
/* Adds one record to the partition's outbox row. Everything is copied. */
void batch_emit(struct batch *b, int32_t partition, struct str topic, struct str key, struct str value,
	const struct header *headers, size_t n_headers);
/* Turns an item into a dead letter: reason from the closed list (decode, unsupported, rule, unknown_reference, expired, data_error,
 * too_large), code (SQLSTATE, ...) and a message for people. Sets its outcome. */
void batch_dead_letter(struct batch *b, struct batch_item *item, const char *reason, const char *code,
	const char *message, bool retryable);
/* The same for a record that is no longer in Kafka's hands (parked updates). */
struct dead_record {
	struct str topic, key, value;
	const struct header *headers;
	size_t n_headers;
	int32_t partition;
	int64_t offset, timestamp_ms;
};
void batch_dead_record(struct batch *b, const struct dead_record *record, const char *reason, const char *code,
	const char *message, bool retryable);
/* sweep(): commit although nothing was emitted. */
void batch_changed(struct batch *b);

#endif
