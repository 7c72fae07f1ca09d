/* Finds the records of a batch that the database rejects; see worker.h. The batch was rejected as a whole before.
 *
 * Rejected records that apply() itself names (batch_reject()) cost one attempt together, however many they are. Only
 * when it names none, further attempts with fewer records find them. Those are bounded per transaction (ISOLATED_MAX),
 * because each costs milliseconds in which the other partitions wait:
 *
 *   partition p:  a a a X a a | a a a       a: applied    X: rejected, a dead letter
 *                 isolated      postponed   the bound is reached: the rest goes to the backlog
 *
 * Invariant: a partition advances past a prefix of its records only; all records after that prefix are postponed
 * together.
 */
#include "worker/private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"

#include <string.h>

/* Rejected records are caused by their senders, who may send any number of them: the log gets at most one line a
 * second. */
static void log_rejected(struct worker *w, const struct batch_item *item)
{
	uint64_t suppressed;

	if (log_limit_pass(&w->rejected, clock_mono_ms(), &suppressed))
		log_error("record rejected by the database",
			LOG_S("topic", w->options.owner.topics[item->partition.topic].name),
			LOG_I("partition", item->partition.number), LOG_I("offset", item->offset),
			LOG_ERR(item->rejected), LOG_I("suppressed", suppressed));
}

/* Applies all of the items or none, and checks what only the commit would check. 1: applied; 0: rejected, *err is the
 * reason; -1: err. */
static int apply_together(struct worker *w, struct batch *b, struct batch_item **items, size_t n, struct err *err)
{
	struct pg *pg = owner_tx_pg(b->tx);
	struct err ignored;

	if (pg_savepoint(pg, err) < 0)
		return -1;
	owner_tx_mark(b->tx);
	if (w->ops->apply(w->ctx, b->tx, items, n, err) == 0 && pg_check_deferred(pg, err) == 0) {
		if (w->ops->kept)
			w->ops->kept(w->ctx);
		return pg_savepoint_release(pg, err) < 0 ? -1 : 1;
	}
	if (!pg_is_data_error(err))
		return -1;
	w->ops->rolled_back(w->ctx);
	owner_tx_undo(b->tx);
	for (size_t i = 0; i < n; i++)
		items[i]->outcome = OUTCOME_NO_EFFECT;
	return pg_savepoint_rollback(pg, &ignored) < 0 ? err_set(err, ERR_RETRY, ignored.code, "%s", ignored.msg) : 0;
}

/* Applies all items that are not known to be rejected, and repeats that without those that apply() names. 1: applied;
 * 0: rejected, and apply() does not name the items; -1: err. */
static int apply_unrejected(struct worker *w, struct batch *b, struct batch_item **items, size_t n, struct err *err)
{
	struct batch_item **tried = ARENA_ARRAY(owner_tx_arena(b->tx), struct batch_item *, n);
	size_t n_tried = items_decoded(items, n, tried);

	for (int round = 0; n_tried > 0 && round < FINDING_ROUNDS; round++) {
		size_t before = n_tried;
		int rc = apply_together(w, b, tried, n_tried, err);

		if (rc != 0)
			return rc;
		n_tried = items_decoded(items, n, tried);
		if (n_tried == before)
			return 0;
	}
	return n_tried == 0;
}

/* Applies the records that the database accepts, and marks each that it rejects. After a rejection the next attempt has
 * a quarter of the records, after a success four times as many: n records that are all rejected cost about n attempts,
 * a few among n cost log n each. */
static int apply_isolating(struct worker *w, struct batch *b, struct batch_item **items, size_t n, struct err *err)
{
	size_t step = (n + 3) / 4; /* all together were rejected already */

	while (n > 0) {
		size_t tried = step < n ? step : n;
		int rc = apply_unrejected(w, b, items, tried, err);

		if (rc < 0)
			return -1;
		step = rc ? tried * 4 : (tried + 3) / 4;
		if (rc == 0 && tried > 1)
			continue;
		if (rc == 0) {
			batch_reject(b->tx, items[0], err);
			b->isolated++;
		}
		items += tried;
		n -= tried;
	}
	return 0;
}

/* Groups the records by key (one per account), in order within each key: the records of an account with many rejected
 * ones are then isolated apart from those of the others. */
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

/* Logs the rejected records, and makes dead letters of them and of those that could not be decoded. */
static void isolated_dead_letter(struct worker *w, struct batch *b, struct batch_item **items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (items[i]->rejected)
			log_rejected(w, items[i]);
	items_dead_letter(b, items, n);
}

/* How many records from the start may be isolated in this transaction: as many as weigh *left in total, where a record
 * that is known to be rejected weighs nothing. *left is reduced by their weight. */
static size_t window(const struct worker *w, struct batch_item *const *items, size_t n, size_t *left)
{
	size_t chosen = 0;

	while (chosen < n && *left > 0) {
		const struct batch_item *item = items[chosen++];
		size_t weight = item->rejected ? 0 : batch_weight(item, w->ops);

		*left = weight < *left ? *left - weight : 0;
	}
	return chosen;
}

/* Applies the records of one partition: all together when the database accepts them; otherwise as many from the start
 * as may be isolated in this transaction. The rest is postponed. */
static int partition_isolate(struct worker *w, struct batch *b, struct batch_item **items, size_t n, size_t *left,
	struct err *err)
{
	struct batch_item **decoded = ARENA_ARRAY(owner_tx_arena(b->tx), struct batch_item *, n);
	bool is_all = n == b->n; /* these are the whole batch, which was rejected */
	int rc = is_all ? 0 : apply_unrejected(w, b, items, n, err);
	size_t chosen = n, n_decoded;

	if (rc < 0)
		return -1;
	if (rc == 0) {
		chosen = window(w, items, n, left);
		n_decoded = items_decoded(items, chosen, decoded);
		items_by_key(b, decoded, n_decoded);
		if (apply_isolating(w, b, decoded, n_decoded, err) < 0)
			return -1;
	}
	isolated_dead_letter(w, b, items, chosen);
	for (size_t i = chosen; i < n; i++)
		items[i]->postponed = true;
	return 0;
}

int batch_isolate(struct worker *w, struct batch *b, struct err *err)
{
	struct batch_item **all = ARENA_ARRAY(owner_tx_arena(b->tx), struct batch_item *, b->n);
	struct batch_item **items = ARENA_ARRAY(owner_tx_arena(b->tx), struct batch_item *, b->n);
	bool *seen = ARENA_ARRAY(owner_tx_arena(b->tx), bool, b->n);
	size_t left = ISOLATED_MAX;
	int rc;

	for (size_t i = 0; i < b->n; i++)
		all[i] = &b->items[i];
	rc = apply_unrejected(w, b, all, b->n, err);
	if (rc > 0)
		isolated_dead_letter(w, b, all, b->n);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	for (size_t i = 0; i < b->n; i++) {
		size_t n = 0;

		if (seen[i])
			continue;
		for (size_t k = i; k < b->n; k++)
			if (topic_partition_eq(b->items[k].partition, b->items[i].partition)) {
				items[n++] = &b->items[k];
				seen[k] = true;
			}
		if (partition_isolate(w, b, items, n, &left, err) < 0)
			return -1;
	}
	return 0;
}
