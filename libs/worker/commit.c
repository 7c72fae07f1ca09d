/* One batch in one transaction; see worker.h. */
#include "worker/private.h"

#include "base/failpoint.h"
#include "base/log.h"

#include <string.h>

static bool is_data_error(const struct err *err)
{
	return err->kind == ERR_INPUT || err->kind == ERR_CONFLICT;
}

/* More than half of a batch that is not tiny: an outage, not that many bad messages. */
static bool breaker_trips(const struct worker *w, const struct batch *b)
{
	return b->data_errors >= (size_t)w->options.breaker_min_items && b->data_errors * 2 > b->n;
}

/* Finds the items whose data is at fault by halving, each attempt under a savepoint; what only the commit would refuse, too. */
static int apply_bisecting(struct worker *w, struct batch *b, struct batch_item **items, size_t n, struct err *err)
{
	struct pg *pg = owner_tx_pg(b->tx);

	if (n == 0)
		return 0;
	if (pg_savepoint(pg, err) < 0)
		return -1;
	owner_tx_mark(b->tx);
	if (w->ops->apply(w->ctx, b->tx, items, n, err) == 0 && pg_check_deferred(pg, err) == 0)
		return pg_savepoint_release(pg, err);
	if (!is_data_error(err))
		return -1;
	w->ops->rolled_back(w->ctx);
	owner_tx_undo(b->tx);
	for (size_t i = 0; i < n; i++)
		items[i]->outcome = OUTCOME_NO_EFFECT;
	if (n > 1) {
		if (pg_savepoint_rollback(pg, err) < 0 || apply_bisecting(w, b, items, n / 2, err) < 0)
			return -1;
		return apply_bisecting(w, b, items + n / 2, n - n / 2, err);
	}
	log_error("record refused by the database", LOG_S("topic", w->options.owner.topic),
		LOG_I("partition", items[0]->partition), LOG_I("offset", items[0]->offset), LOG_ERR(err));
	batch_dead_letter(b->tx, items[0], "data_error", err->code, err->msg, true);
	b->data_errors++;
	if (breaker_trips(w, b))
		return err_set(err, ERR_RETRY, "breaker", "%zu of %zu records refused: an outage is assumed",
			b->data_errors, b->n);
	return pg_savepoint_rollback(pg, err);
}

/* Items that did not decode are dead letters at once, the rest is for apply(). */
static size_t items_to_apply(struct batch *b, struct batch_item **items)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		struct batch_item *item = &b->items[i];

		if (item->decoded) {
			item->outcome = OUTCOME_NO_EFFECT;
			items[n++] = item;
		} else if (b->failures[i].kind == ERR_NONE) {
			item->outcome = OUTCOME_FILTERED;
		} else {
			const struct err *why = &b->failures[i];

			batch_dead_letter(b->tx, item, why->code, "", why->msg, strcmp(why->code, "unsupported") == 0);
		}
	}
	return n;
}

/* Everything from begin to commit. */
static int transaction(struct worker *w, struct batch *b, bool bisect, struct err *err)
{
	struct batch_item **items = ARENA_ARRAY(owner_tx_arena(b->tx), struct batch_item *, b->n);
	size_t n;

	if (failpoint("batch_begin"))
		return err_set(err, ERR_RETRY, "failpoint", "batch_begin");
	if (owner_tx_begin(b->tx, err) < 0)
		return -1;
	(void)failpoint("batch_locked");
	n = items_to_apply(b, items);
	if (bisect ? apply_bisecting(w, b, items, n, err) < 0
		   : n > 0 && w->ops->apply(w->ctx, b->tx, items, n, err) < 0)
		return -1;
	(void)failpoint("batch_applied");
	batch_advance(b);
	return owner_tx_commit(b->tx, err);
}

int worker_commit(struct worker *w, struct batch *b, struct err *err)
{
	int rc;

	batch_include(b, w->owner);
	if (b->n == 0) {
		batch_reset(b);
		return 0;
	}
	rc = transaction(w, b, false, err);
	if (rc < 0 && is_data_error(err) && strcmp(err->code, "fenced") != 0) {
		owner_tx_rollback(b->tx);
		w->ops->rolled_back(w->ctx);
		rc = transaction(w, b, true, err);
	}
	if (rc < 0) {
		w->ops->rolled_back(w->ctx);
	} else {
		w->ops->committed(w->ctx);
		metric_observe(METRIC_CELL(w->size, w->options.owner.topic), (double)b->n);
	}
	batch_reset(b);
	return rc;
}

/* 1: committed; 0: there was nothing to commit. */
static int sweep_transaction(struct worker *w, struct owner_tx *tx, const int32_t *partitions, size_t n,
	struct err *err)
{
	int changed = 0;

	for (size_t i = 0; i < n; i++)
		if (owner_tx_include(tx, partitions[i], err) < 0)
			return -1;
	if (owner_tx_begin(tx, err) < 0)
		return -1;
	if (w->ops->sweep)
		changed = w->ops->sweep(w->ctx, tx, partitions, n, err);
	if (changed < 0)
		return -1;
	if (!changed && owner_tx_is_empty(tx))
		return 0;
	return owner_tx_commit(tx, err) < 0 ? -1 : 1;
}

int worker_sweep(struct worker *w, struct err *err)
{
	struct batch *b = w->working;
	size_t n;
	const int32_t *partitions = owner_partitions(w->owner, owner_tx_arena(b->tx), &n);
	int rc = n > 0 ? sweep_transaction(w, b->tx, partitions, n, err) : 0;

	if (rc < 0)
		w->ops->rolled_back(w->ctx);
	else if (rc > 0)
		w->ops->committed(w->ctx);
	batch_reset(b);
	if (rc >= 0 || !is_data_error(err) || strcmp(err->code, "fenced") == 0)
		return rc < 0 ? -1 : 0;
	/* One parked update must not stop the partitions: it expires in the end. */
	log_error("sweep refused by the database", LOG_ERR(err));
	return 0;
}
