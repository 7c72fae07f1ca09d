/* The worker's state, shared by worker.c and commit.c. */
#ifndef WORKER_PRIVATE_H
#define WORKER_PRIVATE_H

#include "metrics/metrics.h"
#include "worker/batch.h"
#include "worker/publisher.h"

enum worker_state {
	WORKER_UNASSIGNED,
	WORKER_TAKING, /* partitions are assigned; the database has not given them to us yet */
	WORKER_RUNNING, /* they are ours and being fetched */
};

struct slot_state {
	struct progress progress;
	int64_t told_offset; /* the next_offset that Kafka was told last */
	bool stopped;
	char blocked[48]; /* what the broker says to its outbox, as it was reported; "": nothing */
};

struct worker_metrics {
	struct metric *records, *dead, *retries, *duration, *size, *lag, *stopped, *blocked, *outbox;
};

struct worker {
	struct service *service;
	struct worker_options options;
	const struct worker_ops *ops;
	void *ctx;
	struct kafka_consumer *consumer;
	struct publisher *publisher;
	struct pg *pg;
	struct batch *working, *filling; /* one commits while the other takes in */
	enum worker_state state;
	struct slot_state *slots; /* of the current assignment */
	size_t n_slots;
	uint64_t generation; /* rises with every assignment and revocation */
	uint64_t taking;     /* the generation whose partitions the database is asked for; 0: none */
	int failures;                /* in a row */
	int64_t retry_mono_ms, sweep_mono_ms, report_mono_ms, stop_mono_ms;
	bool idled; /* a statement of the last batch took so long that the rest went on meanwhile */
	struct err pending; /* what a callback found wrong, for the next turn; ERR_NONE: nothing */
	struct service_condition *consuming, *partitions, *kafka, *outbox;
	struct worker_metrics metrics;
};

struct slot_state *worker_slot(struct worker *w, int32_t partition);
int worker_adopt(struct worker *w, struct err *err) ERR_MUST_USE;
/* One batch, begin to commit to publishing. A failure leaves the database as it was, or (code "unknown") in doubt: taking the
 * partitions over again tells. */
int worker_commit(struct worker *w, struct batch *b, struct err *err) ERR_MUST_USE;
/* Hands over what is committed; when a full batch waits, that is left to its long statements, behind which it costs nothing. */
void worker_publish(struct worker *w);
int worker_sweep(struct worker *w, struct err *err) ERR_MUST_USE;
/* Commits to Kafka what has moved since: for lag tools only, so once a second is enough, and a broker's time is worth more. */
void worker_tell_offsets(struct worker *w);
/* Waits for acknowledgements and deletes what they cover. */
void worker_drain(struct worker *w, int64_t timeout_ms);

#endif
