/* The owner's state, shared by owner.c, owner_take.c and owner_tx.c. */
#ifndef WORKER_OWNER_PRIVATE_H
#define WORKER_OWNER_PRIVATE_H

#include "metrics/metrics.h"
#include "worker/adopt.h"
#include "worker/outgoing.h"
#include "worker/owner.h"

#define MAX_DELETES 64 /* outbox rows deleted at once */

enum owner_state {
	OWNER_UNASSIGNED,
	OWNER_TAKING, /* partitions are assigned; the database has not given them to us yet */
	OWNER_RUNNING, /* they are ours and being fetched */
};

struct slot_state {
	struct topic_partition partition;
	struct progress progress;
	int64_t told_offset; /* the next_offset that Kafka was told last */
	bool stopped;
	char blocked[48]; /* what the broker says to its outbox, as it was reported; "": nothing */
};

struct owner_metrics {
	struct metric *records, *dead, *retries, *duration, *lag, *stopped, *blocked, *outbox, *oldest;
};

struct owner {
	struct service *service;
	struct owner_options options;
	int32_t n_topics;
	int32_t fences[CONSUMER_TOPICS_MAX]; /* of each topic, the one that fences it: followed or itself */
	const struct owner_ops *ops;
	void *ctx;
	struct kafka_consumer *consumer;
	struct publisher *publisher;
	struct pg *pg;
	enum owner_state state;
	struct slot_state *slots; /* of the current assignment, those that follow behind those that they follow */
	size_t n_slots;
	uint64_t generation; /* see owner_generation() */
	uint64_t begun;      /* the generation in which the turn or the transaction in hand began */
	bool in_tx;          /* an owner_tx is open */
	int failures;        /* in a row */
	int64_t retry_mono_ms, tidy_mono_ms, report_mono_ms, stop_mono_ms;
	int64_t started_mono_ms; /* when fetching was */
	int64_t ask_mono_ms; /* when all are taken anew, since the low watermark of one that follows is not known; 0: not */
	bool idled; /* a statement of the last transaction took so long that the rest went on meanwhile */
	struct err pending; /* what a callback found wrong, for the next turn; ERR_NONE: nothing */
	struct service_condition *consuming, *partitions, *kafka, *outbox;
	struct owner_metrics metrics;
};

/* A partition's share of a transaction. */
struct share {
	struct topic_partition partition;
	int64_t epoch, seq; /* of the outbox row this transaction may write: seq is the new one */
	int64_t old_offset; /* what the database must still hold */
	int64_t first_offset, next_offset;
	int64_t counts[OUTCOMES];
	struct outgoing out;
};

struct owner_tx {
	struct owner *owner;
	struct arena *arena;
	struct share *shares;
	size_t n_shares, cap_shares;
	uint64_t generation; /* of the shares */
	bool open;
	int64_t began_mono_us; /* the first time; 0: not yet */
	struct outbox_row deleted[MAX_DELETES];
	size_t n_deleted;
};

/* Copies the options, and resolves which topic follows which. */
void owner_topics_set(struct owner *o, const struct owner_options *options);
/* Registers the families, each with the label topic first, and what is exposed before anything happened. */
void owner_metrics_init(struct owner *o);
struct slot_state *owner_slot(const struct owner *o, struct topic_partition partition);
/* Whose progress row fences the partition, and whose outbox slot it has: its own, or that of the one that it follows. */
struct topic_partition owner_fence(const struct owner *o, struct topic_partition partition);
const char *owner_topic(const struct owner *o, struct topic_partition partition);
/* Takes the assigned partitions over: raises their epochs, publishes what their outbox holds, starts fetching. */
int owner_take(struct owner *o, struct err *err) ERR_MUST_USE;
/* Outbox rows that an earlier owner (or this one, before a restart) left behind; all of them go out before anything new. */
int owner_adopt(struct owner *o, struct err *err) ERR_MUST_USE;
struct adoption owner_adoption(const struct owner *o);
/* Hands over what is committed, unless the next transaction's statements are the better time. */
void owner_publish(struct owner *o);
/* The share of a partition that takes part. */
struct share *owner_tx_share(const struct owner_tx *tx, struct topic_partition partition);

#endif
