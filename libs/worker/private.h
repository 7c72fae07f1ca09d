/* The worker's state, shared by worker.c and commit.c. */
#ifndef WORKER_PRIVATE_H
#define WORKER_PRIVATE_H

#include "base/log_limit.h"
#include "metrics/metrics.h"
#include "worker/backlog.h"
#include "worker/slice.h"

/* The weight of the records that one transaction isolates by attempts. */
#define ISOLATED_MAX 64
/* How often one attempt may find further records that are refused: once for each statement that refuses some. */
#define FINDING_ROUNDS 8

struct worker {
	struct service *service;
	struct worker_options options;
	const struct worker_ops *ops;
	void *ctx;
	struct owner *owner;
	struct batch *working, *filling, *bulk; /* one commits while the others take in; bulk NULL: no topic follows */
	struct backlog backlog; /* of partitions that are held */
	bool backlog_had_turn;
	int64_t live_us, slice_us; /* what live batches took since the last slice of bulk; what that took */
	int64_t sweep_mono_ms;
	bool step_due, step_had_turn;
	struct err pending; /* of taking in while a statement waited, for the next turn; ERR_NONE: nothing */
	struct metric *size;
	struct log_limit refused;
};

/* Which of what was taken in is committed next: live and bulk take turns, but while live batches are full bulk gets a fifth of the time.
 * NULL: nothing is due. */
struct batch **worker_due(struct worker *w);
/* One batch, begin to commit to publishing. A failure leaves the database as it was, or (code "unknown") in doubt: taking the
 * partitions over again tells. */
int worker_commit(struct worker *w, struct batch *b, struct err *err) ERR_MUST_USE;
/* The same with a piece of the backlog, which is not empty. */
int worker_commit_backlog(struct worker *w, struct err *err) ERR_MUST_USE;
/* What a commit left of the batch goes into the backlog, and what was taken in behind it; the partitions are held. */
void worker_put_off(struct worker *w, struct batch *b);
/* Of its records, not of the database. */
bool is_data_error(const struct err *err);
/* Inside the transaction: applies what the database takes of a batch that it refused. */
int batch_isolate(struct worker *w, struct batch *b, struct err *err) ERR_MUST_USE;
void items_settle(struct batch *b, struct batch_item **items, size_t n);
size_t items_decoded(struct batch_item *const *items, size_t n, struct batch_item **out);
/* The service's sweep, over these partitions. */
int worker_sweep(struct worker *w, struct err *err) ERR_MUST_USE;
/* One of its steps; w->step_due: whether there may be another. */
int worker_step(struct worker *w, struct err *err) ERR_MUST_USE;

#endif
