/* One batch: records taken in, and what became of them. Private to libs/worker. */
#ifndef WORKER_BATCH_H
#define WORKER_BATCH_H

#include "worker/worker.h"

struct batch {
	const struct worker_options *options;
	struct owner_tx *tx; /* has the arena */
	struct kafka_message *messages;
	struct batch_item *items;
	struct err *failures; /* of items that did not decode; ERR_NONE: meant for another consumer */
	size_t n, cap;
	size_t weight; /* of all items, at least 1 each */
	size_t limit;  /* of the weight: cap, or less while records are being refused */
	int64_t bytes;
	int64_t first_mono_ms; /* when the first record came */
	size_t isolated; /* records that an attempt each showed to be refused */
	bool put_off_before; /* its records were: see backlog.h */
	bool is_bulk; /* its records are of topics that follow; as long as it is not filled by another */
};

struct batch *batch_new(const struct worker_options *options, struct owner *o);
void batch_free(struct batch *b); /* accepts NULL */
/* Releases messages, forgets everything. */
void batch_reset(struct batch *b);
bool batch_full(const struct batch *b);
/* Takes the message over (clears *m) and decodes it. */
void batch_take(struct batch *b, struct kafka_message *m, const struct worker_ops *ops, void *ctx);

/* Includes the partitions of its records, and drops records that are not ours (any more) or were committed before. */
void batch_include(struct batch *b, const struct owner *o);
/* The partitions move behind its records, whose outcomes are known. */
void batch_advance(struct batch *b);
/* What the record counts. */
size_t batch_weight(const struct batch_item *item, const struct worker_ops *ops);

#endif
