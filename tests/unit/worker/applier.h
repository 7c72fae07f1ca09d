/* What tests of services that apply records share: an applier is a service without Kafka, on a session of its own. A batch goes the whole
 * way of libs/worker: received, decoded, applied in a transaction of an owner, committed; then its records can be read. */
#ifndef WORKER_APPLIER_H
#define WORKER_APPLIER_H

#include "../store/db.h"
#include "worker/batch.h"
#include "worker/owner_private.h"

struct applier {
	const struct worker_options *options;
	const struct worker_ops *ops;
	void *ctx; /* of ops */
	struct topic_partition partition;
	struct pg *pg;
	struct slot_state slot; /* of the partition */
	struct owner owner;
	struct batch *batch;
	int64_t offset;
};

/* Of one partition; options, ops and ctx are set by the caller. */
static inline void applier_open(struct applier *a, const char *role, struct topic_partition partition)
{
	a->partition = partition;
	a->pg = db_session(role);
	a->slot = (struct slot_state){ .partition = partition,
		.progress = {
			a->options->owner.topics[partition.topic].name, partition.number, 1, 0, PROGRESS_NO_OFFSET } };
	a->owner = (struct owner){ .pg = a->pg, .state = OWNER_RUNNING, .slots = &a->slot, .n_slots = 1 };
	owner_topics_set(&a->owner, &a->options->owner);
	owner_metrics_init(&a->owner);
	a->batch = batch_new(a->options, &a->owner);
}

static inline void applier_close(struct applier *a)
{
	batch_free(a->batch);
	pg_close(&a->pg);
}

/* A record of the next batch: its topic's partition, offset and time are set here. */
static inline struct batch_item *applier_receive(struct applier *a, struct kafka_message *m)
{
	m->topic = a->partition.topic;
	m->partition = a->partition.number;
	m->offset = a->offset++;
	batch_add(a->batch, m, a->ops, a->ctx);
	return &a->batch->items[a->batch->n - 1];
}

/* Applies the records of the batch that were decoded, in an open transaction. */
static inline int applier_apply(struct applier *a, struct err *err)
{
	struct batch_item **items = mem_calloc(a->batch->n, sizeof(*items));
	size_t n = 0;
	int rc;

	done(owner_tx_include(a->batch->tx, a->partition, &db.err));
	for (size_t i = 0; i < a->batch->n; i++)
		if (a->batch->items[i].decoded)
			items[n++] = &a->batch->items[i];
	rc = a->ops->apply(a->ctx, a->batch->tx, items, n, err);
	free(items);
	return rc;
}

/* One batch, committed. Its outcomes can be read from a->batch until the next. */
static inline void applier_commit(struct applier *a)
{
	done(pg_begin(a->pg, &db.err));
	done(applier_apply(a, &db.err));
	done(pg_commit(a->pg, &db.err));
	a->ops->committed(a->ctx);
}

/* The records that the batch emitted, which live until the arena of the tests is reset. */
static inline struct str applier_records(struct applier *a, size_t *n)
{
	const struct tx_partition *share = owner_tx_partition(a->batch->tx, a->partition);

	*n = (size_t)share->out.n;
	return arena_str(db.arena, buf_str(&share->out.records));
}

#endif
