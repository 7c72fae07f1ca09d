/* From Kafka into PostgreSQL with exactly-once effect: the loop of every service whose sink is PostgreSQL, over the
 * partitions that an owner has acquired (owner.h). Source: proto/README.md, Delivery.
 *
 * Poll, decode, and then in one transaction: lock the progress of the partitions concerned (fenced by epoch), apply the
 * service's changes, advance, write one outbox row per partition with every record that follows from them. After the
 * commit the rows are published in order and deleted once acknowledged. The next batch is filled while this one waits
 * for PostgreSQL.
 *
 * Records that the database rejects for their data (ERR_INPUT, ERR_CONFLICT) become dead letters, however many they
 * are; the others of their batch are applied. Rejected records that apply() names (batch_reject()) cost one attempt
 * together. Others cost several attempts each, and one transaction makes few: the remaining records of such a partition
 * are postponed, in memory, and processed in parts, in turn with the batches of the other partitions. Any other failure
 * postpones the whole batch.
 *
 * Records of a topic that follows another, or says so (owner.h), are bulk: they have batches of their own, each sized to take about
 * 100 ms (those of a topic that follows none at least a tenth of a batch), in turn with live ones; while live batches are full, bulk gets
 * a fifth of the time (slice.h). So a live batch waits for one bulk batch at most.
 *
 * A service that lives on this loop alone calls worker_run(). One that also serves sockets, or has transactions of its own,
 * calls worker_turn() from its main loop (service/reactor.h), waits nowhere in it, and between two turns opens an owner_tx on
 * worker_owner():
 *
 *   reactor_run() ─► callbacks of sockets and timers, also while a statement waits
 *                 ─► turn(): worker_turn(w, 0) ─► owner_tx of the service ─► worker_turn(w, 0) ─► ...
 *
 * Its loop is woken by owner_fd(worker_owner(w)), which it watches between turns only, and only while worker_receives():
 * while a statement waits the worker receives records itself, and records that it does not receive leave the descriptor
 * readable.
 *
 * Invariant: an offset, the changes it caused and the records that follow from it are all in one commit, or none of
 * them is.
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "base/arena.h"
#include "worker/owner_tx.h"

/* One record of a batch. */
struct batch_item {
	struct topic_partition partition;
	int64_t offset;
	const struct kafka_message *message; /* valid until the batch ends */
	void *decoded; /* the result of decode(); NULL when it failed */
	struct str traceparent; /* absent when the record has none */
	enum outcome outcome; /* set by apply(); initially OUTCOME_NO_EFFECT */
	bool postponed; /* set by the worker: postponed to a later batch, with all later records of its partition */
	const struct err *rejected; /* why the database rejects it: batch_reject(); NULL: not known to be rejected */
};

struct worker_ops {
	/* Decodes a record into the service's own struct, in the batch's arena. ERR_INPUT: a dead letter with
	 * err->reason, set by err_reject(). May run while the previous batch commits: must not touch shared state. */
	int (*decode)(void *ctx, const struct kafka_message *message, struct arena *a, void **decoded, struct err *err);
	/* The number of changes that the record causes, at least 1: it counts towards batch_max_events, so that
	 * transactions stay short. NULL: 1 each. */
	size_t (*weight)(int32_t topic, const void *decoded);
	/* Applies items, in order, inside the open transaction: sets outcomes, emits records. May be called several
	 * times for one batch while rejected records are isolated; rolled_back() undoes what it changed in memory.
	 * ERR_INPUT, ERR_CONFLICT: the data of one of these items is invalid. */
	int (*apply)(void *ctx, struct owner_tx *tx, struct batch_item *const *items, size_t n, struct err *err);
	/* Processes what is due (parked updates, stale syncs), every few seconds, in a transaction of its own over all
	 * owned partitions with a fence of their own. 1: it changed rows; 0: it changed none, but may have emitted
	 * records. May be NULL. */
	int (*sweep)(void *ctx, struct owner_tx *tx, const struct topic_partition *partitions, size_t n,
		struct err *err);
	/* Asked between two batches: whether sweep() should run before its time. NULL: never. */
	bool (*sweep_wanted)(void *ctx);
	/* Does a part of work that is too long for one transaction, in a transaction of its own over the same
	 * partitions: after each sweep, and then in turn with batches until it returns 0. 1: it did some work; 0: there
	 * was none. May be NULL. */
	int (*step)(void *ctx, struct owner_tx *tx, const struct topic_partition *partitions, size_t n,
		struct err *err);
	/* What apply() has done since the last call becomes permanent if the batch commits: rolled_back() undoes it
	 * only when the whole batch fails, after which the partitions are acquired again. May be NULL. */
	void (*kept)(void *ctx);
	/* What apply(), sweep() and step() changed in memory is now permanent, or is to be undone. */
	void (*committed)(void *ctx);
	void (*rolled_back)(void *ctx);
	/* The partitions were acquired: the service drops what it cached for them. May be NULL. */
	void (*assignment_changed)(void *ctx);
	/* The same with the connection, before the first record: the service loads its state for them (owner_ops.acquired). May be
	 * NULL. */
	int (*acquired)(void *ctx, struct pg *pg, const struct progress *partitions, size_t n, struct err *err);
	/* The partitions were revoked, or will be acquired again: the worker has discarded the records that it had received, and
	 * the service discards what it holds for them. May run while a statement waits, and in worker_close() (owner_ops.lost). May
	 * be NULL. */
	void (*lost)(void *ctx);
};

struct worker_options {
	struct owner_options owner;
	int batch_max_events; /* by weight */
	int64_t batch_max_bytes;
	int batch_linger_ms; /* how long a batch waits for more records after its first */
	/* By topic: how long after the beginning of the batch before a batch of its records begins at the earliest, unless it is full. A
	 * lone record does not wait; under load batches are larger, and most of a batch's cost does not grow with its size. */
	int batch_interval_ms[CONSUMER_TOPICS_MAX];
	int outbox_max_outstanding; /* rows per partition published and not yet acknowledged */
	int sweep_interval_ms; /* between two sweeps; longer after a slow one, as sweeps take at most a fifth of the time */
};

struct worker;

int worker_open(struct worker **out, struct service *service, const struct worker_options *options,
	const struct worker_ops *ops, void *ctx, struct err *err) ERR_MUST_USE;
/* One turn: callbacks, acquiring, publishing, receiving records, and at most one transaction (a batch, a sweep or a step). Waits no
 * longer than timeout_ms for records, acknowledgements and partitions, with 0 not at all; and for PostgreSQL, where the connection's
 * own wait runs (pg_options.wait). No owner_tx may be open. Fails only with ERR_FATAL: after any other failure the partitions are
 * acquired again. */
int worker_turn(struct worker *w, int timeout_ms, struct err *err) ERR_MUST_USE;
/* How long until another batch or step is due: 0 at once, -1 when none waits. */
int64_t worker_wait_ms(const struct worker *w);
/* For transactions of the service's own between two turns, under the same fence: in no callback of worker_ops, and without
 * advancing a partition, which only batches do. When one fails, owner_restart(). A service that does not use worker_run() calls
 * owner_drain() at the end. */
struct owner *worker_owner(struct worker *w);
/* Whether a turn would receive records: not while batches are full or Kafka has not acknowledged earlier ones. */
bool worker_receives(const struct worker *w);
/* Turns until service_stopping(); then finishes or abandons the current batch (within a second when PostgreSQL does not
 * answer), publishes outstanding rows for a bounded time, and returns. -1 only with ERR_FATAL: a restart or an operator
 * must resolve it. */
int worker_run(struct worker *w, struct err *err) ERR_MUST_USE;
void worker_close(struct worker **w);

/* Called inside an apply() that then fails with ERR_INPUT or ERR_CONFLICT: the database rejects this item regardless of
 * the others, for the reason *why. The worker makes dead letters of all rejected items and applies the others again.
 * Only the first call for an item counts. */
void batch_reject(struct owner_tx *tx, struct batch_item *item, const struct err *why);
/* Inside apply(): turns an item into a dead letter, as owner_tx_dead_record() does, and sets its outcome. */
void batch_dead_letter(struct owner_tx *tx, struct batch_item *item, enum dead_reason reason, const char *code,
	const char *message, bool retryable);

#endif
