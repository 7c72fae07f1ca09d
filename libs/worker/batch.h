/* One batch: received records, and their outcomes. Private to libs/worker. */
#ifndef WORKER_BATCH_H
#define WORKER_BATCH_H

#include "worker/worker.h"

struct batch {
	const struct worker_options *options;
	struct owner_tx *tx; /* owns the arena */
	struct kafka_message *messages;
	struct batch_item *items;
	struct err *failures; /* of items that could not be decoded; ERR_NONE: meant for another consumer */
	size_t n, cap;
	size_t weight; /* of all items, at least 1 each */
	size_t limit; /* of the weight: cap, or less while the database rejects records */
	int64_t bytes;
	int64_t first_mono_ms; /* when the first record arrived */
	int interval_ms; /* the least of its records' topics */
	size_t isolated; /* rejected records that were each found by an attempt of their own */
	bool postponed_before; /* its records were postponed before: see backlog.h */
	bool is_bulk; /* its records are of topics of bulk */
};

struct batch *batch_new(const struct worker_options *options, struct owner *o);
void batch_free(struct batch *b); /* accepts NULL */
/* Releases the messages and empties the batch. */
void batch_reset(struct batch *b);
bool batch_full(const struct batch *b);
/* Takes ownership of the message (clears *m) and decodes it. */
void batch_add(struct batch *b, struct kafka_message *m, const struct worker_ops *ops, void *ctx);

/* Includes the partitions of its records in the transaction, and discards records of partitions that this replica does
 * not own (any more) and records that were committed before. */
void batch_include(struct batch *b, const struct owner *o);
/* Advances the partitions past its records, whose outcomes are set. */
void batch_advance(struct batch *b);
/* The weight of the record: worker_ops.weight(), at least 1. */
size_t batch_weight(const struct batch_item *item, const struct worker_ops *ops);

#endif
