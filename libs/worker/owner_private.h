/* Internals of the owner. Only owner*.c and tests include it.
 *
 *   owner.c             opening and closing, turns, restarts, records
 *   owner_assignment.c  Kafka's callbacks: assigned, revoked and stopped partitions
 *   owner_acquire.c     from assigned to owned: epochs, adoption of outbox rows, fetching
 *   owner_tx.c          one transaction
 *   owner_report.c      metrics, conditions, offsets in Kafka
 */
#ifndef WORKER_OWNER_PRIVATE_H
#define WORKER_OWNER_PRIVATE_H

#include "metrics/metrics.h"
#include "worker/adopt.h"
#include "worker/outgoing.h"
#include "worker/owner_tx.h"

#define MAX_DELETES 64 /* outbox rows deleted at once */

enum owner_state {
	OWNER_UNASSIGNED,
	OWNER_ACQUIRING, /* partitions are assigned and not acquired in the database yet */
	OWNER_RUNNING, /* they are acquired and being fetched */
};

struct slot_state {
	struct topic_partition partition;
	struct progress progress;
	int64_t committed_offset; /* the next_offset last committed to Kafka */
	bool stopped;
	char blocked[48]; /* the broker's error that blocks its outbox, as last reported in the metric; "": none */
};

struct owner_metrics {
	struct metric *records, *dead, *retries, *duration, *lag, *stopped, *blocked, *outbox, *oldest;
};

struct owner {
	struct service *service;
	struct owner_options options;
	int32_t n_topics;
	/* For each topic, the one whose progress fences it: the followed topic or itself. */
	int32_t fences[CONSUMER_TOPICS_MAX];
	const struct owner_ops *ops;
	void *ctx;
	struct kafka_consumer *consumer;
	struct publisher *publisher;
	struct pg *pg;
	enum owner_state state;
	struct slot_state *slots; /* of the current assignment; slots that follow come after those that they follow */
	size_t n_slots;
	uint64_t generation; /* see owner_generation() */
	uint64_t begun; /* the generation in which the current turn or transaction began */
	bool in_tx; /* an owner_tx is open */
	int failures; /* in a row */
	int64_t retry_mono_ms, tidy_mono_ms, report_mono_ms, stop_mono_ms;
	int64_t started_mono_ms; /* when fetching started */
	/* When all are acquired again, because the low watermark of one that follows is unknown; 0: never. */
	int64_t reacquire_mono_ms;
	bool idled; /* a statement of the last transaction took long enough for owner_idle() to run */
	struct err pending; /* an error found by a callback, for the next turn; ERR_NONE: none */
	struct service_condition *consuming, *partitions, *kafka, *outbox;
	struct owner_metrics metrics;
};

/* A partition that a transaction includes. */
struct tx_partition {
	struct topic_partition partition;
	int64_t epoch, seq; /* of the outbox row that this transaction may write; seq is the row's new number */
	int64_t old_offset; /* the next_offset that the database must still have */
	int64_t first_offset, next_offset;
	int64_t counts[OUTCOMES];
	struct outgoing_records out;
};

struct owner_tx {
	struct owner *owner;
	struct arena *arena;
	struct tx_partition *partitions;
	size_t n_partitions, cap_partitions;
	uint64_t generation; /* in which the partitions were included */
	bool open;
	int64_t began_mono_us; /* the first time; 0: not yet */
	struct outbox_row deleted[MAX_DELETES];
	size_t n_deleted;
};

/* Copies the options, and resolves which topic follows which. */
void owner_topics_set(struct owner *o, const struct owner_options *options);
/* Registers the metric families, each with the label topic first, and the series that are exposed from the start. */
void owner_metrics_init(struct owner *o);
struct slot_state *owner_slot(const struct owner *o, struct topic_partition partition);
/* The partition whose progress row is the fence and whose outbox slot is used: the partition itself, or the one that it
 * follows. */
struct topic_partition owner_fence(const struct owner *o, struct topic_partition partition);
const char *owner_topic(const struct owner *o, struct topic_partition partition);
/* Subscribes to the topics: opens the consumer. */
int owner_subscribe(struct owner *o, struct err *err) ERR_MUST_USE;
/* Discards what belongs to the partitions owned so far: raises the generation, drops rows that wait to be published,
 * calls lost(). */
void owner_discard(struct owner *o);
/* Commits to Kafka the offsets that have advanced since the last call. Only tools that show lag read them, so once a
 * second is enough and spares the broker. */
void owner_commit_kafka_offsets(struct owner *o);
/* Reports, once a second. */
void owner_report(struct owner *o);
/* Clears the metrics of revoked partitions: the next owner reports them, so that a sum over the replicas counts each
 * partition once. */
void owner_unreport(struct owner *o);
/* Acquires the assigned partitions: raises their epochs, adopts the rows left in their outbox, starts fetching. */
int owner_acquire(struct owner *o, struct err *err) ERR_MUST_USE;
/* Adopts outbox rows that an earlier owner (or this one, before a restart) has left; they are published before any new
 * row. */
int owner_adopt(struct owner *o, struct err *err) ERR_MUST_USE;
struct adoption owner_adoption(const struct owner *o);
/* Publishes committed rows, unless the waits of the next transaction's statements are the better time
 * (owner_ops.busy). */
void owner_publish(struct owner *o);
/* The partition must be included. */
struct tx_partition *owner_tx_partition(const struct owner_tx *tx, struct topic_partition partition);

#endif
