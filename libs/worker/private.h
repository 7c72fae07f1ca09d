/* The worker's state, shared by worker.c and commit.c. */
#ifndef WORKER_PRIVATE_H
#define WORKER_PRIVATE_H

#include "base/log_limit.h"
#include "metrics/metrics.h"
#include "worker/backlog.h"
#include "worker/slice.h"

/* The weight of the records that one transaction may isolate by attempts. */
#define ISOLATED_MAX 64
/* How often one attempt may be repeated without further rejected records: once for each statement that rejects some. */
#define FINDING_ROUNDS 8

struct worker {
	struct service *service;
	struct worker_options options;
	const struct worker_ops *ops;
	void *ctx;
	struct owner *owner;
	struct batch *working, *filling,
		*bulk; /* one commits while the others are filled; bulk is NULL when no topic is */
	size_t bulk_least; /* the limit of a slice of bulk is no lower */
	struct backlog backlog; /* postponed records of held partitions */
	bool backlog_had_turn;
	int64_t begun_mono_ms; /* when the last batch began */
	int64_t live_us, slice_us; /* the time of live batches since the last bulk slice; the time of that slice */
	int64_t sweep_mono_ms; /* when the next sweep is due */
	bool sweep_had_turn;
	bool step_due, step_had_turn;
	int wait_ms; /* of the current turn at most */
	struct err pending; /* an error of filling while a statement waited, for the next turn; ERR_NONE: none */
	struct metric *size;
	struct log_limit rejected;
};

/* The batch to commit next: live and bulk take turns, but while live batches are full bulk gets a fifth of the time.
 * NULL: none is due. */
struct batch **worker_due(struct worker *w);
/* One batch, from begin to commit to publishing. A failure leaves the database as it was, or (code "unknown") in doubt:
 * acquiring the partitions again reads the outcome. */
int worker_commit(struct worker *w, struct batch *b, struct err *err) ERR_MUST_USE;
/* The same with a part of the backlog, which is not empty. */
int worker_commit_backlog(struct worker *w, struct err *err) ERR_MUST_USE;
/* Moves into the backlog the records of the batch that its commit postponed, and those received after them; holds their
 * partitions. */
void worker_postpone(struct worker *w, struct batch *b);
/* Inside the transaction: applies the records that the database accepts of a batch that it rejected. */
int batch_isolate(struct worker *w, struct batch *b, struct err *err) ERR_MUST_USE;
void items_dead_letter(struct batch *b, struct batch_item **items, size_t n);
size_t items_decoded(struct batch_item *const *items, size_t n, struct batch_item **out);
/* The service's sweep over the owned partitions. */
int worker_sweep(struct worker *w, struct err *err) ERR_MUST_USE;
/* One of the service's steps; sets w->step_due when there may be another. */
int worker_step(struct worker *w, struct err *err) ERR_MUST_USE;

#endif
