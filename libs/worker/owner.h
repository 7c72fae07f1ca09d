/* The partitions that this replica owns of its topics, fenced in PostgreSQL: the frame of every service that consumes.
 * Source: proto/README.md, Delivery.
 *
 * The group assigns the partitions of a topic, or the topic follows another one: then partition p of both has one owner, one fence
 * (the progress row of the one that is followed) and one outbox slot. What has a fence of its own shares nothing but the connection,
 * the producer and the group.
 *
 * Group membership, taking partitions over (epoch, next_offset, what their outbox holds), fetching from next_offset, publishing
 * outbox rows, telling Kafka offsets, lag and readiness, and beginning anew after any failure. What is done with the records, and
 * when their transactions run, is the service's: worker.h is the loop for services whose sink is PostgreSQL.
 *
 * Two invariants. Nothing is written for a partition but in an owner_tx, which the fence admits or which changes nothing. And while a
 * statement waits, Kafka's callbacks are served, so that lost() may run: an owner_tx goes on then, but any other statement on the
 * connection, the service's own included, is given up (ERR_RETRY "abandoned"). Where one has succeeded, nothing was lost meanwhile.
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
	const char *name, *dlq; /* full names; the first without a name ends the array */
	const char *
		follows; /* the name of an earlier one that follows none; NULL: its partitions have fences of their own */
};

struct owner_options {
	const char *consumer; /* "chat-sync": group, progress and outbox name */
	/* Everything is borrowed. Outbox rows without a topic, of a release that had one, are the first one's. */
	struct owner_topic topics[CONSUMER_TOPICS_MAX];
	int backoff_min_ms, backoff_max_ms;
	int prefetch_kb; /* fetched ahead of each partition at most; 0: the consumer's default */
	bool reset_cluster; /* demo: another cluster's progress is started anew */
	int tidy_interval_ms; /* how often the outbox is looked through for rows that wait in it, or are acknowledged */
	int64_t dlq_max_bytes;
	struct pg_options pg; /* idle is the owner's own */
};

struct owner_ops {
	/* The database has given us these partitions, nothing is fetched yet: load what belongs to them. Outside any transaction, so that it
	 * fails when they are lost meanwhile. ERR_RETRY takes them anew later. May be NULL. */
	int (*taken)(void *ctx, struct pg *pg, const struct progress *partitions, size_t n, struct err *err);
	/* None is ours any more, or all will be taken anew: forget what was taken in and what was cached for them. May run while a statement
	 * waits: an owner_tx under way goes on, and the fence decides. */
	void (*lost)(void *ctx);
	/* While a statement waits, at least every 100 ms: what else can go on without PostgreSQL. May be NULL. */
	void (*idle)(void *ctx);
	/* All records of an outbox row of this partition are acknowledged by Kafka: those that the transaction with that epoch and seq
	 * (owner_tx_source()) emitted, or an earlier owner's. In order per partition, never after lost(). May run while a statement waits,
	 * and does no more than note it. May be NULL. */
	void (*acknowledged)(void *ctx, struct topic_partition partition, int64_t epoch, int64_t seq);
	/* The next transaction is about to begin: publishing is left to its long statements, behind which it costs nothing. May be
	 * NULL: never. */
	bool (*busy)(void *ctx);
};

int owner_open(struct owner **out, struct service *service, const struct owner_options *options,
	const struct owner_ops *ops, void *ctx, struct err *err) ERR_MUST_USE;
/* After owner_drain(), and without messages of its consumer. Calls lost() when something was assigned. */
void owner_close(struct owner **o);

/* One turn of everything that is not a record, never waiting longer than timeout_ms but for PostgreSQL: callbacks, taking over what
 * was assigned, publishing; reports once a second. No owner_tx is open. -1: only ERR_FATAL. */
int owner_turn(struct owner *o, int timeout_ms, struct err *err) ERR_MUST_USE;
/* Partitions are ours and being fetched. */
bool owner_running(const struct owner *o);
/* Rises whenever lost() is called: what was begun under another one is somebody else's. */
uint64_t owner_generation(const struct owner *o);
/* What this replica holds of the partition, as last committed; NULL: not ours, or not taken over yet. */
const struct progress *owner_progress(const struct owner *o, struct topic_partition partition);
/* All that have a fence of their own, in the arena; none while not running. */
struct topic_partition *owner_partitions(const struct owner *o, struct arena *a, size_t *n);

/* As kafka_consumer_poll(); 0 while not running. A record below next_offset never comes. */
int owner_poll(struct owner *o, int timeout_ms, struct kafka_message *out, struct err *err) ERR_MUST_USE;
/* A record that is there already; no callback of Kafka's is served, so that nothing is lost by it: for what goes on while a statement waits.
 * What is wrong is left to owner_poll(). */
bool owner_fetch(const struct owner *o, struct kafka_message *out);
/* Records of a held partition stay where they are (bounded by the consumer's queue); others go on. Ends with lost(). */
void owner_hold(struct owner *o, struct topic_partition partition, bool held);
/* The same for the topics that follow one, or for the others; until it is told otherwise. */
void owner_hold_topics(struct owner *o, bool that_follow, bool held);
/* Whether a topic follows another one. */
bool owner_follows(const struct owner *o, int32_t topic);
int owner_fd(const struct owner *o); /* for an event loop: as kafka_consumer_fd() */
/* After any failure of the whole, when no statement waits: calls lost(), and takes the partitions anew after a backoff. */
void owner_restart(struct owner *o, const struct err *why);
/* Publishes what is outstanding (bounded) and deletes what is acknowledged. After service_stopping(). */
void owner_drain(struct owner *o, int64_t timeout_ms);
/* Outbox rows published and not yet acknowledged, of the fullest partition that the broker does not block. */
size_t owner_outstanding(const struct owner *o);

/* One transaction over some of the owner's partitions. Reused; everything is kept until the reset. */
struct owner_tx;
struct owner_tx *owner_tx_new(struct owner *o);
void owner_tx_free(struct owner_tx *tx); /* accepts NULL */
void owner_tx_reset(struct owner_tx *tx); /* forgets everything; rolls back what is open */

/* Before owner_tx_begin(): the partition takes part. ERR_FENCED when it is not ours (any more). */
int owner_tx_include(struct owner_tx *tx, struct topic_partition partition, struct err *err) ERR_MUST_USE;
int owner_tx_include_all(struct owner_tx *tx, struct err *err) ERR_MUST_USE;
/* BEGIN, locks and checks the progress of the partitions included, deletes acknowledged outbox rows. ERR_FENCED when a fence is
 * another owner's; ERR_RETRY "reset" when it was blazzctl that moved a partition that follows: owner_restart() finds it. */
int owner_tx_begin(struct owner_tx *tx, struct err *err) ERR_MUST_USE;
/* As if it had not begun: what was emitted and advanced is forgotten; the partitions stay included, the arena as it is. */
void owner_tx_rollback(struct owner_tx *tx);
struct pg *owner_tx_pg(struct owner_tx *tx);
struct arena *owner_tx_arena(struct owner_tx *tx); /* until the reset */
/* The partition moves to next_offset; counts are of the offsets passed since the last step. first_offset is kept as where this
 * consumer began, when it begins. */
void owner_tx_advance(struct owner_tx *tx, struct topic_partition partition, int64_t first_offset, int64_t next_offset,
	const int64_t counts[static OUTCOMES]);
/* Where the partition stands: as advanced, else as committed; or PROGRESS_NO_OFFSET. */
int64_t owner_tx_offset(const struct owner_tx *tx, struct topic_partition partition);
/* The stamp of the next record of this partition, which is included; owner_tx_emit() uses it up. */
struct event_source owner_tx_source(struct owner_tx *tx, struct topic_partition partition);
/* Adds one record to the outbox row of the partition's fence. Everything is copied. */
void owner_tx_emit(struct owner_tx *tx, struct topic_partition partition, struct str topic, struct str key,
	struct str value, const struct header *headers, size_t n_headers);
/* A dead letter: its reason, a code (SQLSTATE, ...) and a message for people. */
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
/* The same for a message of the owner's. */
void owner_tx_dead_message(struct owner_tx *tx, const struct kafka_message *m, enum dead_reason reason,
	const char *code, const char *message, bool retryable);
/* Savepoints of what was emitted: undo takes back what came after the mark. */
void owner_tx_mark(struct owner_tx *tx);
void owner_tx_undo(struct owner_tx *tx);
/* Nothing was emitted, advanced or deleted by it: without the service's own changes there is nothing to commit. */
bool owner_tx_is_empty(const struct owner_tx *tx);
/* Progress, the outbox row, COMMIT; then the records go out. Any failure: owner_tx_reset() and owner_restart(). With code "unknown" it
 * may have committed: taking the partitions over again tells. */
int owner_tx_commit(struct owner_tx *tx, struct err *err) ERR_MUST_USE;

#endif
