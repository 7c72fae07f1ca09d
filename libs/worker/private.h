/* The worker's state, shared by worker.c and commit.c. */
#ifndef WORKER_PRIVATE_H
#define WORKER_PRIVATE_H

#include "base/log_limit.h"
#include "metrics/metrics.h"
#include "worker/batch.h"

struct worker {
	struct service *service;
	struct worker_options options;
	const struct worker_ops *ops;
	void *ctx;
	struct owner *owner;
	struct batch *working, *filling; /* one commits while the other takes in */
	int64_t sweep_mono_ms;
	struct err pending; /* of taking in while a statement waited, for the next turn; ERR_NONE: nothing */
	struct metric *size;
	struct log_limit refused;
};

/* One batch, begin to commit to publishing. A failure leaves the database as it was, or (code "unknown") in doubt: taking the
 * partitions over again tells. */
int worker_commit(struct worker *w, struct batch *b, struct err *err) ERR_MUST_USE;
/* The service's sweep, over these partitions. */
int worker_sweep(struct worker *w, struct err *err) ERR_MUST_USE;

#endif
