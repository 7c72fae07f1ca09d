/* One batch in one transaction; see worker.h.
 *
 *   begin --> apply all --> advance --> commit                  the database accepts every record
 *               | ERR_INPUT, ERR_CONFLICT
 *               +--> rollback --> begin --> isolate (isolate.c) --> advance --> commit
 *
 * Invariant: a data error never ends the batch, and any other error leaves the database as it was before the batch. */
#include "worker/private.h"

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"

/* Makes dead letters of items that could not be decoded and of items that the database is known to reject. */
void items_dead_letter(struct batch *b, struct batch_item **items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct batch_item *item = items[i];
		const struct err *why = &b->failures[item - b->items];

		if (item->rejected)
			batch_dead_letter(b->tx, item, DEAD_DATA_ERROR, item->rejected->code, item->rejected->msg,
				true);
		if (item->decoded)
			continue;
		if (why->kind == ERR_NONE)
			item->outcome = OUTCOME_FILTERED;
		else
			batch_dead_letter(b->tx, item, why->reason, "", why->msg, why->reason == DEAD_UNSUPPORTED);
	}
}

/* All other items are for apply(). */
size_t items_decoded(struct batch_item *const *items, size_t n, struct batch_item **out)
{
	size_t n_out = 0;

	for (size_t i = 0; i < n; i++) {
		if (!items[i]->decoded || items[i]->rejected)
			continue;
		items[i]->outcome = OUTCOME_NO_EFFECT;
		out[n_out++] = items[i];
	}
	return n_out;
}

static int batch_apply(struct worker *w, struct batch *b, struct err *err)
{
	struct batch_item **all = ARENA_ARRAY(owner_tx_arena(b->tx), struct batch_item *, b->n);
	struct batch_item **items = ARENA_ARRAY(owner_tx_arena(b->tx), struct batch_item *, b->n);
	size_t n;

	for (size_t i = 0; i < b->n; i++)
		all[i] = &b->items[i];
	items_dead_letter(b, all, b->n);
	n = items_decoded(all, b->n, items);
	return n == 0 ? 0 : w->ops->apply(w->ctx, b->tx, items, n, err);
}

/* Everything from begin to commit. */
static int transaction(struct worker *w, struct batch *b, bool isolate, struct err *err)
{
	if (failpoint("batch_begin"))
		return err_set(err, ERR_RETRY, "failpoint", "batch_begin");
	if (owner_tx_begin(b->tx, err) < 0)
		return -1;
	(void)failpoint("batch_locked");
	if (isolate ? batch_isolate(w, b, err) < 0 : batch_apply(w, b, err) < 0)
		return -1;
	(void)failpoint("batch_applied");
	batch_advance(b);
	return owner_tx_commit(b->tx, err);
}

static size_t at_most(size_t n, size_t most)
{
	return n < most ? n : most;
}

/* Rejected records that cost an attempt each arrive in bursts: the batches after them are short, so that records of
 * other senders, which share each batch, wait for few of them. The weight of a bulk slice is adapted to take
 * BULK_SLICE_US. */
static void limit_adapt(struct worker *w, const struct batch *b, int64_t took_us)
{
	size_t limit = b->isolated > 0 ? (b->cap + 9) / 10 : b->limit * 2;

	if (b->postponed_before)
		w->backlog.limit = at_most(b->isolated > 0 ? ISOLATED_MAX : w->backlog.limit * 2, b->cap);
	else if (b->is_bulk)
		w->bulk->limit = slice_next(b->weight, b->limit, w->bulk_least, b->cap, took_us);
	else
		w->working->limit = w->filling->limit = at_most(limit, b->cap);
}

/* Counts the time of live batches and of bulk slices, for slice_due(). */
static void turn_count(struct worker *w, const struct batch *b, int64_t took_us)
{
	if (b->is_bulk) {
		w->slice_us = took_us;
		w->live_us = 0;
	} else {
		w->live_us += took_us;
	}
}

static const char *batch_topic(const struct worker *w, const struct batch *b)
{
	return w->options.owner.topics[b->items[0].partition.topic].name;
}

int worker_commit(struct worker *w, struct batch *b, struct err *err)
{
	uint64_t generation = owner_generation(w->owner);
	int64_t began_us = clock_mono_us(), took_us;
	int rc;

	batch_include(b, w->owner);
	if (b->n == 0) {
		batch_reset(b);
		return 0;
	}
	rc = transaction(w, b, false, err);
	if (rc < 0 && pg_is_data_error(err)) {
		owner_tx_rollback(b->tx);
		w->ops->rolled_back(w->ctx);
		rc = transaction(w, b, true, err);
	}
	if (rc < 0) {
		w->ops->rolled_back(w->ctx);
	} else {
		w->ops->committed(w->ctx);
		metric_observe(METRIC_CELL(w->size, batch_topic(w, b)), (double)b->n);
		took_us = clock_mono_us() - began_us;
		limit_adapt(w, b, took_us);
		turn_count(w, b, took_us);
		if (generation == owner_generation(w->owner))
			worker_postpone(w, b);
	}
	batch_reset(b);
	return rc;
}

int worker_commit_backlog(struct worker *w, struct err *err)
{
	bool was_bulk = w->working->is_bulk;
	struct topic_partition partition;

	w->working->limit = w->filling->limit;
	w->working->is_bulk = false;
	partition = backlog_move(&w->backlog, w->working, w->ops, w->ctx);

	if (worker_commit(w, w->working, err) < 0)
		return -1;
	w->working->is_bulk = was_bulk; /* for worker_due(): after a slice of bulk live batches have the next turn */
	owner_hold(w->owner, partition, backlog_has(&w->backlog, partition));
	return 0;
}

/* Work that the service does without records, in one transaction. */
struct own_work {
	const char *rejected; /* the log message for a data error */
	int (*act)(void *ctx, struct owner_tx *tx, const struct topic_partition *partitions, size_t n,
		struct err *err); /* NULL: nothing */
	bool changed; /* out: by act(), and committed */
};

/* 1: committed; 0: there was nothing to commit. */
static int own_transaction(struct worker *w, struct own_work *work, const struct topic_partition *partitions, size_t n,
	struct err *err)
{
	struct owner_tx *tx = w->working->tx;
	int changed = 0;

	if (owner_tx_include_all(tx, err) < 0 || owner_tx_begin(tx, err) < 0)
		return -1;
	if (work->act)
		changed = work->act(w->ctx, tx, partitions, n, err);
	if (changed < 0)
		return -1;
	if (!changed && owner_tx_is_empty(tx))
		return 0;
	if (owner_tx_commit(tx, err) < 0)
		return -1;
	work->changed = changed > 0;
	return 1;
}

static int own_work_do(struct worker *w, struct own_work *work, struct err *err)
{
	struct batch *b = w->working;
	size_t n;
	const struct topic_partition *partitions = owner_partitions(w->owner, owner_tx_arena(b->tx), &n);
	int rc = n > 0 ? own_transaction(w, work, partitions, n, err) : 0;

	if (rc < 0)
		w->ops->rolled_back(w->ctx);
	else if (rc > 0)
		w->ops->committed(w->ctx);
	batch_reset(b);
	if (rc >= 0 || !pg_is_data_error(err))
		return rc < 0 ? -1 : 0;
	/* One rejected row must not stop the partitions: a parked update finally expires. */
	log_error(work->rejected, LOG_ERR(err));
	return 0;
}

int worker_sweep(struct worker *w, struct err *err)
{
	struct own_work work = { .rejected = "sweep rejected by the database", .act = w->ops->sweep };

	w->step_due = w->ops->step;
	return own_work_do(w, &work, err);
}

int worker_step(struct worker *w, struct err *err)
{
	struct own_work work = { .rejected = "step rejected by the database", .act = w->ops->step };
	int rc = own_work_do(w, &work, err);

	w->step_due = work.changed;
	return rc;
}
