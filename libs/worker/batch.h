/* One batch: records taken in, what became of them, and what follows. Private to libs/worker. */
#ifndef WORKER_BATCH_H
#define WORKER_BATCH_H

#include "metrics/metrics.h"
#include "worker/worker.h"

/* A partition's share of a batch. */
struct share {
	int32_t partition;
	int64_t epoch, seq;         /* of the outbox row this batch may write: seq is the new one */
	int64_t old_offset;         /* what the database must still hold */
	int64_t first_offset, next_offset;
	int64_t counts[OUTCOMES];
	struct buf records;
	int32_t n_records;
	size_t mark_bytes;          /* where records stood at the last savepoint */
	int32_t mark_records;
};

struct batch {
	const struct worker_options *options;
	struct pg *pg;
	struct arena *arena;
	struct kafka_message *messages;
	struct batch_item *items;
	struct err *failures; /* of items that did not decode; ERR_NONE: meant for another consumer */
	size_t n, cap;
	size_t weight; /* of all items, at least 1 each */
	int64_t bytes;
	int64_t first_mono_ms; /* when the first record came */
	struct share *shares;
	size_t n_shares, cap_shares;
	size_t data_errors;
	bool changed;
	struct metric *dead_letters; /* NULL: not counted */
};

struct batch *batch_new(const struct worker_options *options);
void batch_free(struct batch *b); /* accepts NULL */
/* Releases messages, forgets everything. */
void batch_reset(struct batch *b);
bool batch_full(const struct batch *b);
/* Takes the message over (clears *m) and decodes it. */
void batch_take(struct batch *b, struct kafka_message *m, const struct worker_ops *ops, void *ctx);

struct share *batch_share(struct batch *b, int32_t partition); /* creates it */
/* Savepoints of what was emitted. */
void batch_mark(struct batch *b);
void batch_undo(struct batch *b);
/* Sums outcomes into the shares. */
void batch_count(struct batch *b);

#endif
