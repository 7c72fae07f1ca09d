/* The partitions that this replica owns of its topics, fenced in PostgreSQL: the frame of every service that consumes.
 * Source: proto/README.md, Delivery.
 *
 * The group assigns the partitions of a topic, or the topic follows another one: then partition p of both has one owner, one fence
 * (the progress row of the followed topic) and one outbox slot. Topics with fences of their own share only the connection, the producer
 * and the group.
 *
 * The owner keeps group membership, acquires partitions (raises their epoch, reads next_offset, adopts the rows left in their outbox),
 * fetches from next_offset, publishes outbox rows, commits offsets to Kafka, reports lag and readiness, and starts again after any
 * failure. The service decides what is done with the records and when transactions run: worker.h is the loop for services whose sink is
 * PostgreSQL.
 *
 * Two invariants. Rows of a partition are written only in an owner_tx, which the fence either admits or rolls back. And Kafka's callbacks
 * run while a statement waits, so that lost() may run: an owner_tx then continues, but any other statement on the connection, also one of
 * the service, is abandoned (ERR_RETRY "abandoned"). When such a statement has succeeded, no partition was lost meanwhile.
 */
#ifndef WORKER_OWNER_H
#define WORKER_OWNER_H

#include "base/arena.h"
#include "kafka/consumer.h"
#include "pg/pg.h"
#include "service/service.h"
#include "store/progress.h"
#include "wire/records.h"
#include "wire/source.h"

struct owner;

struct owner_topic {
	const char *name, *dlq; /* full names; an entry without a name terminates the array */
	const char *
		follows; /* the name of an earlier entry that follows none; NULL: the topic's partitions have fences of their own */
};

struct owner_options {
	const char *consumer; /* "chat-sync": group, progress and outbox name */
	/* Everything is borrowed. Outbox rows without a topic, written by a release with one topic, belong to the first entry. */
	struct owner_topic topics[CONSUMER_TOPICS_MAX];
	int backoff_min_ms, backoff_max_ms;
	int prefetch_kb; /* prefetched of each partition at most; 0: the consumer's default */
	bool reset_cluster; /* demo: progress that belongs to another cluster is started anew */
	int tidy_interval_ms; /* how often the outbox is searched for rows to publish, and acknowledged rows are deleted */
	int64_t dlq_max_bytes;
	struct pg_options pg; /* idle is the owner's own */
};

struct owner_ops {
	/* This replica has acquired these partitions, and nothing is fetched yet: the service loads its state for them. Statements run outside
	 * any transaction, so that they fail when the partitions are lost meanwhile. ERR_RETRY: acquired again later. May be NULL. */
	int (*taken)(void *ctx, struct pg *pg, const struct progress *partitions, size_t n, struct err *err);
	/* All partitions were revoked, or will be acquired again: the service drops received records and caches. May run while a statement
	 * waits: an open owner_tx continues, and the fence decides. */
	void (*lost)(void *ctx);
	/* Called while a statement waits, at least every 100 ms, for work that needs no PostgreSQL. May be NULL. */
	void (*idle)(void *ctx);
	/* Kafka has acknowledged all records of an outbox row of this partition: those that the transaction with that epoch and seq
	 * (owner_tx_source()) emitted, of this owner or an earlier one. In order per partition, never after lost(). May run while a statement
	 * waits, and must only record it. May be NULL. */
	void (*acknowledged)(void *ctx, struct topic_partition partition, int64_t epoch, int64_t seq);
	/* True when the next transaction is about to begin: publishing is then left to the waits of its long statements, where it costs no
	 * time. NULL: never. */
	bool (*busy)(void *ctx);
};

int owner_open(struct owner **out, struct service *service, const struct owner_options *options,
	const struct owner_ops *ops, void *ctx, struct err *err) ERR_MUST_USE;
/* After owner_drain(), and without messages of its consumer. Calls lost() when something was assigned. */
void owner_close(struct owner **o);

/* One turn of everything except records: callbacks, acquiring assigned partitions, publishing; reports once a second. Waits no longer than
 * timeout_ms, except for PostgreSQL. No owner_tx is open. -1: only ERR_FATAL. */
int owner_turn(struct owner *o, int timeout_ms, struct err *err) ERR_MUST_USE;
/* A turn of the owner, and then, while partitions are owned, one of the service. When turn() fails with anything but ERR_FATAL, the
 * partitions are acquired again (owner_restart()). -1: only ERR_FATAL. */
int owner_step(struct owner *o, int timeout_ms, int (*turn)(void *ctx, struct err *err), void *ctx,
	struct err *err) ERR_MUST_USE;
/* Whether partitions are owned and being fetched. */
bool owner_running(const struct owner *o);
/* Rises whenever lost() is called: work begun under an earlier generation belongs to partitions that were lost. */
uint64_t owner_generation(const struct owner *o);
/* The partition's progress as last committed; NULL: not assigned to this replica, or not acquired yet. */
const struct progress *owner_progress(const struct owner *o, struct topic_partition partition);
/* All partitions with a fence of their own, allocated in the arena; none while not running. */
struct topic_partition *owner_partitions(const struct owner *o, struct arena *a, size_t *n);

/* As kafka_consumer_poll(); 0 while not running. Never returns a record below next_offset. */
int owner_poll(struct owner *o, int timeout_ms, struct kafka_message *out, struct err *err) ERR_MUST_USE;
/* Returns a record that has already been fetched, if any. Runs no Kafka callback, so that lost() cannot run: for work that continues while
 * a statement waits. Errors are left to owner_poll(). */
bool owner_fetch(const struct owner *o, struct kafka_message *out);
/* Pauses or resumes a partition: records of a held one stay in the consumer's queue, which is bounded; others are not affected. Ends with
 * lost(). */
void owner_hold(struct owner *o, struct topic_partition partition, bool held);
/* The same for all topics that follow another, or for all others; lasts until the next call. */
void owner_hold_topics(struct owner *o, bool that_follow, bool held);
/* Whether a topic follows another one. */
bool owner_follows(const struct owner *o, int32_t topic);
int owner_fd(const struct owner *o); /* for an event loop: as kafka_consumer_fd() */
/* After a failure that concerns all partitions, when no statement waits: calls lost(), and acquires the partitions again after a backoff. */
void owner_restart(struct owner *o, const struct err *why);
/* Publishes outstanding rows for at most timeout_ms and deletes acknowledged ones. Called after service_stopping(). */
void owner_drain(struct owner *o, int64_t timeout_ms);
/* Outbox rows published and not yet acknowledged, of the fullest partition that the broker does not block. */
size_t owner_outstanding(const struct owner *o);

/* One transaction over some of the owner's partitions. Reusable; memory is kept until the reset. */
struct owner_tx;
struct owner_tx *owner_tx_new(struct owner *o);
void owner_tx_free(struct owner_tx *tx); /* accepts NULL */
void owner_tx_reset(struct owner_tx *tx); /* empties it, and rolls back an open transaction */

/* Before owner_tx_begin(): adds the partition to the transaction. ERR_FENCED when this replica does not own it (any more). */
int owner_tx_include(struct owner_tx *tx, struct topic_partition partition, struct err *err) ERR_MUST_USE;
int owner_tx_include_all(struct owner_tx *tx, struct err *err) ERR_MUST_USE;
/* BEGIN, locks and checks the progress of the included partitions, deletes acknowledged outbox rows. ERR_FENCED when another owner has
 * raised an epoch; ERR_RETRY "reset" when blazzctl has moved a partition that follows: owner_restart() then reads the new offset. */
int owner_tx_begin(struct owner_tx *tx, struct err *err) ERR_MUST_USE;
/* Rolls back: drops what was emitted and advanced; the partitions stay included, and the arena keeps its contents. */
void owner_tx_rollback(struct owner_tx *tx);
struct pg *owner_tx_pg(struct owner_tx *tx);
struct arena *owner_tx_arena(struct owner_tx *tx); /* until the reset */
/* Advances the partition to next_offset; counts are the outcomes of the offsets since the last call. When the consumer begins with this
 * partition, first_offset is stored as the offset where it began. */
void owner_tx_advance(struct owner_tx *tx, struct topic_partition partition, int64_t first_offset, int64_t next_offset,
	const int64_t counts[static OUTCOMES]);
/* The partition's next offset as advanced in this transaction, else as committed; or PROGRESS_NO_OFFSET. */
int64_t owner_tx_offset(const struct owner_tx *tx, struct topic_partition partition);
/* The stamp of the next record emitted for this partition, which is included; owner_tx_emit() consumes it. */
struct event_source owner_tx_source(struct owner_tx *tx, struct topic_partition partition);
/* Adds one record to the outbox row of the partition's fence. Everything is copied. */
void owner_tx_emit(struct owner_tx *tx, struct topic_partition partition, struct str topic, struct str key,
	struct str value, const struct header *headers, size_t n_headers);
/* A dead letter: its reason, a code (SQLSTATE, ...) and a message for operators. */
struct dead_record {
	struct topic_partition partition;
	int64_t offset, timestamp_ms;
	struct str key, value;
	const struct header *headers; /* the record's own */
	size_t n_headers;
	const struct header *extra; /* the service's, of this failure: their names begin with "x-dlq-" */
	size_t n_extra;
};
void owner_tx_dead_record(struct owner_tx *tx, const struct dead_record *record, enum dead_reason reason,
	const char *code, const char *message, bool retryable);
/* The same for a message that came from this owner. */
void owner_tx_dead_message(struct owner_tx *tx, const struct kafka_message *m, enum dead_reason reason,
	const char *code, const char *message, bool retryable);
/* A savepoint of what was emitted: undo drops what was emitted after the mark. */
void owner_tx_mark(struct owner_tx *tx);
void owner_tx_undo(struct owner_tx *tx);
/* True when the transaction has emitted, advanced and deleted nothing: unless the service has changed rows, there is nothing to commit. */
bool owner_tx_is_empty(const struct owner_tx *tx);
/* Writes progress and the outbox row and commits; then the records are published. After any failure the caller calls owner_tx_reset() and
 * owner_restart(). With code "unknown" it may have committed: acquiring the partitions again reads the outcome. */
int owner_tx_commit(struct owner_tx *tx, struct err *err) ERR_MUST_USE;

#endif
