/* One batch in one transaction; see worker.h. */
#include "worker/private.h"

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/map.h"

#include <string.h>

static bool is_data_error(const struct err *err)
{
	return err->kind == ERR_INPUT || err->kind == ERR_CONFLICT;
}

/* A record that the database refuses is its sender's fault, however many of them there are: they cost a line a second. */
static void log_refused(struct worker *w, const struct batch_item *item, const struct err *err)
{
	uint64_t suppressed;

	if (log_limit_pass(&w->refused, clock_mono_ms(), &suppressed))
		log_error("record refused by the database", LOG_S("topic", w->options.owner.topic),
			LOG_I("partition", item->partition), LOG_I("offset", item->offset), LOG_ERR(err),
			LOG_I("suppressed", suppressed));
}

/* Applies all of the items or none, also when only the commit would refuse them: 1: applied; 0: refused, *err says why; -1: err. */
static int apply_together(struct worker *w, struct batch *b, struct batch_item **items, size_t n, struct err *err)
{
	struct pg *pg = owner_tx_pg(b->tx);
	struct err ignored;

	if (pg_savepoint(pg, err) < 0)
		return -1;
	owner_tx_mark(b->tx);
	if (w->ops->apply(w->ctx, b->tx, items, n, err) == 0 && pg_check_deferred(pg, err) == 0)
		return pg_savepoint_release(pg, err) < 0 ? -1 : 1;
	if (!is_data_error(err))
		return -1;
	w->ops->rolled_back(w->ctx);
	owner_tx_undo(b->tx);
	for (size_t i = 0; i < n; i++)
		items[i]->outcome = OUTCOME_NO_EFFECT;
	return pg_savepoint_rollback(pg, &ignored) < 0 ? err_set(err, ERR_RETRY, ignored.code, "%s", ignored.msg) : 0;
}

/* Applies what the database takes; each record that it refuses becomes a dead letter. After a refusal a quarter of the records is tried, after
 * a success four times as many: n records that are all refused cost about n attempts, a few among n cost log n each. */
static int apply_isolating(struct worker *w, struct batch *b, struct batch_item **items, size_t n, struct err *err)
{
	size_t step = (n + 3) / 4; /* all at once were refused already */

	while (n > 0) {
		size_t tried = step < n ? step : n;
		int rc = apply_together(w, b, items, tried, err);

		if (rc < 0)
			return -1;
		step = rc ? tried * 4 : (tried + 3) / 4;
		if (rc == 0 && tried > 1)
			continue;
		if (rc == 0) {
			log_refused(w, items[0], err);
			batch_dead_letter(b->tx, items[0], "data_error", err->code, err->msg, true);
			b->refused++;
		}
		items += tried;
		n -= tried;
	}
	return 0;
}

/* Records of one key, an account's, side by side and in order: those of an account with many bad ones are isolated apart from the
 * others'. */
static void items_by_key(struct batch *b, struct batch_item **items, size_t n)
{
	struct arena *a = owner_tx_arena(b->tx);
	struct batch_item **sorted = ARENA_ARRAY(a, struct batch_item *, n);
	size_t *key_of = ARENA_ARRAY(a, size_t, n), *next = ARENA_ARRAY(a, size_t, n + 1), n_keys = 0;
	struct map *keys = map_new();

	for (size_t i = 0; i < n; i++) {
		void **number = map_slot(keys, items[i]->message->key);

		if (!*number)
			*number = (void *)(uintptr_t)++n_keys;
		key_of[i] = (size_t)(uintptr_t)*number - 1;
		next[key_of[i] + 1]++;
	}
	map_free(keys);
	for (size_t k = 1; k <= n_keys; k++)
		next[k] += next[k - 1];
	for (size_t i = 0; i < n; i++)
		sorted[next[key_of[i]]++] = items[i];
	memcpy(items, sorted, n * sizeof(*items));
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
static int transaction(struct worker *w, struct batch *b, bool isolate, struct err *err)
{
	struct batch_item **items = ARENA_ARRAY(owner_tx_arena(b->tx), struct batch_item *, b->n);
	size_t n;

	if (failpoint("batch_begin"))
		return err_set(err, ERR_RETRY, "failpoint", "batch_begin");
	if (owner_tx_begin(b->tx, err) < 0)
		return -1;
	(void)failpoint("batch_locked");
	n = items_to_apply(b, items);
	if (isolate)
		items_by_key(b, items, n);
	if (isolate ? apply_isolating(w, b, items, n, err) < 0
		    : n > 0 && w->ops->apply(w->ctx, b->tx, items, n, err) < 0)
		return -1;
	(void)failpoint("batch_applied");
	batch_advance(b);
	return owner_tx_commit(b->tx, err);
}

/* Refused records come in bursts, and each costs an attempt: batches behind them are short, so that the records of others, which share
 * each batch, wait for few of them. */
static void limit_adapt(struct worker *w, const struct batch *b)
{
	size_t limit = b->refused > 0 ? (b->cap + 9) / 10 : b->limit * 2;

	w->working->limit = w->filling->limit = limit < b->cap ? limit : b->cap;
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
		limit_adapt(w, b);
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
