/* The partitions that this replica owns of its topics, fenced in PostgreSQL: the frame of every service that consumes.
 * Source: proto/README.md, Delivery.
 *
 *   owner_turn(), again and again        the owner acquires what the group assigns; acquired() is called
 *   owner_poll() or owner_fetch()        records, of owned partitions only
 *   owner_tx_begin() to _commit()        the service's rows, the advance and what it emits, in one transaction (owner_tx.h)
 *   owner_restart()                      after any failure of these: everything is acquired again, after a backoff
 *   lost(), at any time                  partitions were revoked: what is in memory for them is discarded
 *   owner_drain(), owner_close()         at the end
 *
 * The owner keeps group membership, acquires partitions (raises their epoch, reads next_offset, adopts the rows left in
 * their outbox), fetches from next_offset, publishes outbox rows, commits offsets to Kafka, reports lag and readiness.
 * The service decides what is done with the records and when transactions run: worker.h is the loop for services whose
 * sink is PostgreSQL.
 *
 * The group assigns the partitions of a topic, or the topic follows another one: then partition p of both has one
 * owner, one fence (the progress row of the followed topic) and one outbox slot. Topics with fences of their own share
 * only the connection, the producer and the group.
 *
 * Two invariants. Rows of a partition are written only in an owner_tx, which commits only while the fence holds. And
 * Kafka's callbacks run while a statement waits, so that lost() may run then: an open owner_tx continues, and its fence
 * decides; any other statement on the connection, also one of the service, is abandoned (ERR_RETRY "abandoned"). When
 * such a statement has succeeded, no partition was revoked meanwhile.
 */
#ifndef WORKER_OWNER_H
#define WORKER_OWNER_H

#include "base/arena.h"
#include "kafka/consumer.h"
#include "pg/pg.h"
#include "service/service.h"
#include "store/progress.h"

struct owner;

struct owner_topic {
	const char *name, *dlq; /* full names; an entry without a name terminates the array */
	/* The name of an earlier entry that follows none; NULL: the topic's partitions have fences of their own. */
	const char *follows;
	/* Its records never delay those of the other topics by more than one short transaction (worker.h); so are those of a topic that
	 * follows another. */
	bool bulk;
};

struct owner_options {
	const char
		*consumer; /* "chat-sync": the name of the group, of its progress and of the producer of its outbox */
	/* Everything is borrowed. Outbox rows without a topic, written by a release with one topic, belong to the first
	 * entry. */
	struct owner_topic topics[CONSUMER_TOPICS_MAX];
	int backoff_min_ms, backoff_max_ms; /* between attempts to acquire the partitions again */
	int prefetch_kb; /* prefetched of each partition at most; 0: the consumer's default */
	bool reset_cluster; /* demo: progress that belongs to another cluster is started anew */
	/* How often the outbox is searched for rows to publish, and acknowledged rows are deleted. */
	int tidy_interval_ms;
	int64_t dlq_max_bytes; /* the largest record that is published, dead letters included */
	struct pg_options pg; /* its idle and idle_ctx are set by the owner */
};

/* Called in the owner's thread: by owner_turn(), owner_poll() and owner_close(), or while a statement waits. */
struct owner_ops {
	/* This replica has acquired these partitions, and nothing is fetched yet: the service loads its state for them.
	 * Statements run outside any transaction, so that they fail when the partitions are revoked meanwhile. After an
	 * error (ERR_RETRY) the partitions are acquired again later. May be NULL. */
	int (*acquired)(void *ctx, struct pg *pg, const struct progress *partitions, size_t n, struct err *err);
	/* All partitions were revoked, or will be acquired again: the service discards received records and caches. May
	 * run while a statement waits: an open owner_tx continues, and the fence decides. */
	void (*lost)(void *ctx);
	/* Called while a statement waits, at least every 100 ms, for work that needs no PostgreSQL. May be NULL. */
	void (*idle)(void *ctx);
	/* Kafka has acknowledged all records of an outbox row of this partition: those that the transaction with that
	 * epoch and seq (owner_tx_source()) emitted, of this owner or an earlier one. In order per partition, never
	 * after lost(). May run while a statement waits, and must only record it. May be NULL. */
	void (*acknowledged)(void *ctx, struct topic_partition partition, int64_t epoch, int64_t seq);
	/* Whether the next transaction is about to begin: publishing is then left to the waits of its long statements,
	 * where it costs no time. NULL: never. */
	bool (*busy)(void *ctx);
};

/* Waits for neither Kafka nor PostgreSQL: owner_turn() connects. ERR_INPUT: librdkafka rejects a setting; or
 * ERR_FATAL. */
int owner_open(struct owner **out, struct service *service, const struct owner_options *options,
	const struct owner_ops *ops, void *ctx, struct err *err) ERR_MUST_USE;
/* After owner_drain(), when no message of its consumer is held any more. Calls lost() if partitions were assigned. */
void owner_close(struct owner **o);

/* One turn of everything except records: callbacks, acquiring assigned partitions, publishing; reports once a second.
 * Waits no longer than timeout_ms, except for PostgreSQL. No owner_tx may be open. -1: only ERR_FATAL; after any other
 * failure it has called owner_restart() itself. */
int owner_turn(struct owner *o, int timeout_ms, struct err *err) ERR_MUST_USE;
/* A turn of the owner, and then, while partitions are owned, one of the service. When turn() fails with anything but ERR_FATAL, the
 * partitions are acquired again (owner_restart()). -1: only ERR_FATAL. */
int owner_step(struct owner *o, int timeout_ms, int (*turn)(void *ctx, struct err *err), void *ctx,
	struct err *err) ERR_MUST_USE;
/* Whether partitions are owned and being fetched. */
bool owner_running(const struct owner *o);
/* Rises whenever lost() is called: work begun under an earlier generation belongs to partitions that were revoked. */
uint64_t owner_generation(const struct owner *o);
/* The partition's progress as last committed; NULL: not assigned to this replica, or not acquired yet. */
const struct progress *owner_progress(const struct owner *o, struct topic_partition partition);
/* All partitions with a fence of their own, allocated in the arena; none while not running. */
struct topic_partition *owner_partitions(const struct owner *o, struct arena *a, size_t *n);

/* As kafka_consumer_poll(); 0 while not running. Never returns a record below next_offset. */
int owner_poll(struct owner *o, int timeout_ms, struct kafka_message *out, struct err *err) ERR_MUST_USE;
/* Returns a record that has already been fetched, if any. Runs no Kafka callback, so that lost() cannot run: for work
 * that continues while a statement waits. Errors are left to owner_poll(). */
bool owner_fetch(const struct owner *o, struct kafka_message *out);
/* Pauses or resumes a partition: records of a held one stay in the consumer's queue, which is bounded; others are not
 * affected. Ends with lost(). */
void owner_hold(struct owner *o, struct topic_partition partition, bool held);
/* The same for all topics of bulk, or for all others; lasts until the next call. */
void owner_hold_topics(struct owner *o, bool bulk, bool held);
/* Whether a topic follows another one. */
bool owner_follows(const struct owner *o, int32_t topic);
/* Whether its records are bulk: those of a topic that follows another, or says so (owner_topic). */
bool owner_is_bulk(const struct owner *o, int32_t topic);
int owner_fd(const struct owner *o); /* for an event loop: as kafka_consumer_fd() */
/* After a failure that concerns all partitions, when no statement waits: logs *why, calls lost(), and acquires the
 * partitions again after a backoff (12 s after ERR_FENCED, unless Kafka assigns partitions earlier). */
void owner_restart(struct owner *o, const struct err *why);
/* Publishes outstanding rows for at most timeout_ms and deletes acknowledged ones. Called after service_stopping(). */
void owner_drain(struct owner *o, int64_t timeout_ms);
/* Outbox rows published and not yet acknowledged, of the fullest partition that the broker does not block:
 * back-pressure for the service. */
size_t owner_outstanding(const struct owner *o);

#endif
