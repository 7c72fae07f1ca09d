/* From Kafka into PostgreSQL with exactly-once effect: the loop of every service whose sink is PostgreSQL, over the partitions that
 * an owner has (owner.h). Source: proto/README.md, Delivery.
 *
 * poll, decode, and then in one transaction: lock the progress of the partitions concerned (fenced by epoch), apply the
 * service's changes, advance, write one outbox row per partition with every record that follows. After the commit the rows are
 * published in order and deleted once acknowledged. The next batch is taken in while this one waits for PostgreSQL.
 *
 * Records that the database refuses for their data (ERR_INPUT, ERR_CONFLICT) become dead letters, however many they are; the others of
 * their batch are applied. Those that apply() finds (batch_refuse()) cost one attempt together. Others cost attempts each, and one
 * transaction makes few: what is left of such a partition is put off, in memory, and taken up piece by piece in turn with the batches of the
 * others. Any other failure puts the batch off.
 *
 * Records of a topic that follows another (owner.h) are bulk: they have batches of their own, each as large as takes about 100 ms, which
 * take turns with live ones; while those are full, one of bulk a second at least. So a live record waits for one of them at most.
 *
 * One invariant: an offset, the changes it caused and the records that follow from it are in one commit, or none of them is.
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "base/arena.h"
#include "worker/owner.h"

/* One record of a batch. */
struct batch_item {
	struct topic_partition partition;
	int64_t offset;
	const struct kafka_message
		*message; /* valid until the batch ends; NULL for a parked record that is taken up again */
	void *decoded; /* what decode() made; NULL when it failed */
	struct str traceparent; /* absent when there was none */
	enum outcome outcome; /* set by apply(); starts as OUTCOME_NO_EFFECT */
	bool put_off; /* by the worker: it stays for a later batch, with all that follows in its partition */
	const struct err *refused; /* why the database refuses it: batch_refuse(); NULL: it is not known to */
};

struct worker_ops {
	/* Makes a record into the service's own struct, in the batch's arena. ERR_INPUT: a dead letter with err->reason, of
	 * err_reject(). Runs while the previous batch may be committing: touches no shared state. */
	int (*decode)(void *ctx, const struct kafka_message *message, struct arena *a, void **decoded, struct err *err);
	/* How many changes the record asks for, at least 1: what counts towards batch_max_events, so that transactions stay short. NULL: 1
	 * each. */
	size_t (*weight)(const void *decoded);
	/* Applies items, in order, inside the open transaction: sets outcomes, emits records. It may be called several times for one
	 * batch while bad records are being isolated; whatever it changed in memory is undone by rolled_back(). ERR_INPUT: the data of
	 * one of these items is at fault. */
	int (*apply)(void *ctx, struct owner_tx *tx, struct batch_item *const *items, size_t n, struct err *err);
	/* Every few seconds, in a transaction of its own over all owned partitions that have a fence of their own: what is due (parked
	 * updates, stale syncs). 1: something changed; 0: nothing but what was emitted. May be NULL. */
	int (*sweep)(void *ctx, struct owner_tx *tx, const struct topic_partition *partitions, size_t n,
		struct err *err);
	/* Between two batches: whether sweep() has something to do before its time, in a transaction of its own. May be NULL: never. */
	bool (*sweep_wanted)(void *ctx);
	/* A piece of what is too long for one transaction, in one of its own over the same partitions: after each sweep, and then in turn
	 * with batches until it says that there was nothing to do. 1: there was; 0: nothing. May be NULL. */
	int (*step)(void *ctx, struct owner_tx *tx, const struct topic_partition *partitions, size_t n,
		struct err *err);
	/* What apply() did since the last call holds if the batch commits: rolled_back() does not mean it unless the whole batch fails, after
	 * which the partitions are taken over anew. May be NULL. */
	void (*kept)(void *ctx);
	/* What apply(), sweep() and step() changed in memory now holds, or never happened. */
	void (*committed)(void *ctx);
	void (*rolled_back)(void *ctx);
	/* The partitions were taken over anew: forget what was cached for them. */
	void (*assignment_changed)(void *ctx);
};

struct worker_options {
	struct owner_options owner;
	int batch_max_events; /* by weight */
	int64_t batch_max_bytes;
	int batch_linger_ms; /* how long a batch may wait for more once it has something */
	int outbox_max_outstanding; /* rows per partition published and not yet acknowledged */
	int sweep_interval_ms;
};

struct worker;

int worker_open(struct worker **out, struct service *service, const struct worker_options *options,
	const struct worker_ops *ops, void *ctx, struct err *err) ERR_MUST_USE;
/* Runs until service_stopping(); then finishes or abandons the batch in hand (within a second when PostgreSQL does not answer),
 * publishes what is outstanding (bounded), and returns. -1 only for what a restart may cure or a person must (ERR_FATAL). */
int worker_run(struct worker *w, struct err *err) ERR_MUST_USE;
void worker_close(struct worker **w);

/* Inside an apply() that fails with ERR_INPUT or ERR_CONFLICT: the database refuses this item whatever else is applied, *why says how. The
 * worker makes dead letters of all that are refused, and applies the others anew. Only the first of an item counts. */
void batch_refuse(struct owner_tx *tx, struct batch_item *item, const struct err *why);
/* Inside apply(): turns an item into a dead letter, as owner_tx_dead_record() does, and sets its outcome. */
void batch_dead_letter(struct owner_tx *tx, struct batch_item *item, enum dead_reason reason, const char *code,
	const char *message, bool retryable);

#endif
