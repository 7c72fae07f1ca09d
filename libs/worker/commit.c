/* One batch in one transaction; see worker.h. */
#include "worker/private.h"

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DELETES 64 /* outbox rows deleted with one batch */

/* Opens the batch's shares from the slots. Records below next_offset were committed before a restart: dropped. */
static void batch_open_shares(struct worker *w, struct batch *b)
{
	size_t kept = 0;

	for (size_t i = 0; i < b->n; i++) {
		struct slot_state *slot = worker_slot(w, b->items[i].partition);
		struct share *s;

		if (!slot || b->items[i].offset < slot->progress.next_offset) {
			kafka_message_release(&b->messages[i]);
			continue;
		}
		s = batch_share(b, b->items[i].partition);
		if (s->first_offset == PROGRESS_NO_OFFSET) {
			s->epoch = slot->progress.epoch;
			s->seq = slot->progress.seq + 1;
			s->old_offset = slot->progress.next_offset;
			s->first_offset = s->old_offset == PROGRESS_NO_OFFSET ? b->items[i].offset : s->old_offset;
			s->next_offset = s->first_offset;
		}
		s->counts[OUTCOME_SKIPPED] += b->items[i].offset - s->next_offset; /* offsets without a record */
		s->next_offset = b->items[i].offset + 1;
		if (kept != i) {
			b->items[kept] = b->items[i];
			b->messages[kept] = b->messages[i];
			b->failures[kept] = b->failures[i];
			b->items[kept].message = &b->messages[kept];
			b->messages[i] = (struct kafka_message){ 0 };
		}
		kept++;
	}
	b->n = kept;
}

static int share_cmp(const void *a, const void *b)
{
	const struct share *x = a, *y = b;

	return (x->partition > y->partition) - (x->partition < y->partition);
}

static int shares_lock(struct worker *w, struct batch *b, struct err *err)
{
	struct progress *rows = ARENA_ARRAY(b->arena, struct progress, b->n_shares);

	qsort(b->shares, b->n_shares, sizeof(*b->shares), share_cmp);
	for (size_t i = 0; i < b->n_shares; i++)
		rows[i] = (struct progress){ b->shares[i].partition, b->shares[i].epoch, b->shares[i].seq - 1,
			b->shares[i].old_offset };
	return progress_lock(w->pg, w->options.consumer, w->options.topic, rows, b->n_shares, NULL, err);
}

static int shares_advance(struct worker *w, struct batch *b, struct err *err)
{
	struct progress_step *steps = ARENA_ARRAY(b->arena, struct progress_step, b->n_shares);
	struct outbox_row *rows = ARENA_ARRAY(b->arena, struct outbox_row, b->n_shares);
	size_t n_rows = 0;

	batch_count(b);
	for (size_t i = 0; i < b->n_shares; i++) {
		const struct share *s = &b->shares[i];

		steps[i] = (struct progress_step){ s->partition, s->seq, s->next_offset, s->first_offset, { 0 } };
		memcpy(steps[i].counts, s->counts, sizeof(steps[i].counts));
		if (s->n_records > 0)
			rows[n_rows++] = (struct outbox_row){ s->partition, s->epoch, s->seq, buf_str(&s->records) };
	}
	if (progress_advance(w->pg, w->options.consumer, w->options.topic, steps, b->n_shares, err) < 0)
		return -1;
	return n_rows == 0 ? 0 : outbox_put(w->pg, w->options.consumer, rows, n_rows, err);
}

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
	if (n == 0)
		return 0;
	if (pg_savepoint(w->pg, err) < 0)
		return -1;
	batch_mark(b);
	if (w->ops->apply(w->ctx, b, items, n, err) == 0 && pg_check_deferred(w->pg, err) == 0)
		return pg_savepoint_release(w->pg, err);
	if (!is_data_error(err))
		return -1;
	w->ops->rolled_back(w->ctx);
	batch_undo(b);
	for (size_t i = 0; i < n; i++)
		items[i]->outcome = OUTCOME_NO_EFFECT;
	if (n > 1) {
		if (pg_savepoint_rollback(w->pg, err) < 0 || apply_bisecting(w, b, items, n / 2, err) < 0)
			return -1;
		return apply_bisecting(w, b, items + n / 2, n - n / 2, err);
	}
	log_error("record refused by the database", LOG_S("topic", w->options.topic),
		LOG_I("partition", items[0]->partition), LOG_I("offset", items[0]->offset), LOG_ERR(err));
	batch_dead_letter(b, items[0], "data_error", err->code, err->msg, true);
	b->data_errors++;
	if (breaker_trips(w, b))
		return err_set(err, ERR_RETRY, "breaker", "%zu of %zu records refused: an outage is assumed",
			b->data_errors, b->n);
	return pg_savepoint_rollback(w->pg, err);
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

			batch_dead_letter(b, item, why->code, "", why->msg, strcmp(why->code, "unsupported") == 0);
		}
	}
	return n;
}

static int delete_acknowledged(struct worker *w, struct outbox_row *rows, size_t *n, struct err *err)
{
	*n = publisher_acknowledged(w->publisher, rows, MAX_DELETES);
	return *n == 0 ? 0 : outbox_delete(w->pg, w->options.consumer, rows, *n, err);
}

/* Everything between begin and commit. */
static int transaction(struct worker *w, struct batch *b, bool bisect, struct outbox_row *deleted, size_t *n_deleted,
	struct err *err)
{
	struct batch_item **items = ARENA_ARRAY(b->arena, struct batch_item *, b->n);
	size_t n;

	if (failpoint("batch_begin"))
		return err_set(err, ERR_RETRY, "failpoint", "batch_begin");
	if (pg_begin(w->pg, err) < 0 || shares_lock(w, b, err) < 0)
		return -1;
	(void)failpoint("batch_locked");
	if (delete_acknowledged(w, deleted, n_deleted, err) < 0)
		return -1;
	n = items_to_apply(b, items);
	if (bisect ? apply_bisecting(w, b, items, n, err) < 0 : n > 0 && w->ops->apply(w->ctx, b, items, n, err) < 0)
		return -1;
	(void)failpoint("batch_applied");
	if (shares_advance(w, b, err) < 0)
		return -1;
	if (failpoint("batch_commit"))
		return err_set(err, ERR_RETRY, "failpoint", "batch_commit");
	return pg_commit(w->pg, err);
}

static void shares_forget(struct batch *b)
{
	for (size_t i = 0; i < b->n_shares; i++) {
		b->shares[i].records.n = 0;
		b->shares[i].n_records = 0;
		for (int k = 0; k < OUTCOME_SKIPPED; k++)
			b->shares[i].counts[k] = 0;
	}
	b->data_errors = 0;
}

static void count_metrics(struct worker *w, const struct batch *b)
{
	for (size_t i = 0; i < b->n_shares; i++)
		for (int k = 0; k < OUTCOMES; k++)
			if (b->shares[i].counts[k] > 0)
				metric_add(METRIC_CELL(w->metrics.records, outcome_word((enum outcome)k)),
					b->shares[i].counts[k]);
	if (b->n > 0)
		metric_observe(METRIC_CELL(w->metrics.size, NULL), (double)b->n);
}

/* The commit stands: slots move on, records go out. When the partitions were lost meanwhile, their new owner publishes. */
static void batch_committed(struct worker *w, struct batch *b, bool still_ours)
{
	(void)failpoint("batch_committed");
	w->ops->committed(w->ctx);
	count_metrics(w, b);
	for (size_t i = 0; still_ours && i < b->n_shares; i++) {
		struct share *s = &b->shares[i];
		struct slot_state *slot = worker_slot(w, s->partition);

		if (!slot)
			continue;
		slot->progress.seq = s->seq;
		if (s->next_offset != PROGRESS_NO_OFFSET)
			slot->progress.next_offset = s->next_offset;
		if (s->n_records > 0)
			publisher_add(w->publisher, s->partition, s->epoch, s->seq, &s->records);
	}
	worker_publish(w);
	(void)failpoint("batch_published");
	w->failures = 0;
}

void worker_tell_offsets(struct worker *w)
{
	struct kafka_position *positions = mem_calloc(w->n_slots + 1, sizeof(*positions));
	size_t n = 0;

	for (size_t i = 0; i < w->n_slots; i++) {
		struct slot_state *s = &w->slots[i];

		if (s->progress.next_offset == s->told_offset)
			continue;
		s->told_offset = s->progress.next_offset;
		positions[n++] = (struct kafka_position){ s->progress.partition, s->told_offset };
	}
	kafka_consumer_commit(w->consumer, positions, n);
	free(positions);
}

int worker_commit(struct worker *w, struct batch *b, struct err *err)
{
	struct outbox_row deleted[MAX_DELETES];
	uint64_t generation = w->generation;
	int64_t began = clock_mono_us();
	size_t n_deleted = 0;
	int rc;

	b->pg = w->pg;
	w->idled = false;
	batch_open_shares(w, b);
	if (b->n == 0) {
		batch_reset(b);
		return 0;
	}
	rc = transaction(w, b, false, deleted, &n_deleted, err);
	if (rc < 0 && is_data_error(err) && strcmp(err->code, "fenced") != 0) {
		pg_rollback(w->pg);
		w->ops->rolled_back(w->ctx);
		shares_forget(b);
		rc = transaction(w, b, true, deleted, &n_deleted, err);
	}
	if (rc < 0) {
		pg_rollback(w->pg);
		return -1; /* the caller forgets and takes over again */
	}
	metric_observe(METRIC_CELL(w->metrics.duration, NULL), (double)(clock_mono_us() - began) / 1e6);
	publisher_deleted(w->publisher, deleted, n_deleted);
	batch_committed(w, b, generation == w->generation);
	batch_reset(b);
	return 0;
}

static void sweep_shares(struct worker *w, struct batch *b)
{
	for (size_t i = 0; i < w->n_slots; i++) {
		struct share *s = batch_share(b, w->slots[i].progress.partition);

		s->epoch = w->slots[i].progress.epoch;
		s->seq = w->slots[i].progress.seq + 1;
		s->old_offset = w->slots[i].progress.next_offset;
	}
}

static int sweep_transaction(struct worker *w, struct batch *b, struct outbox_row *deleted, size_t *n_deleted,
	struct err *err)
{
	int32_t *partitions = ARENA_ARRAY(b->arena, int32_t, b->n_shares);

	if (pg_begin(w->pg, err) < 0 || shares_lock(w, b, err) < 0 ||
		delete_acknowledged(w, deleted, n_deleted, err) < 0)
		return -1;
	for (size_t i = 0; i < b->n_shares; i++)
		partitions[i] = b->shares[i].partition;
	if (w->ops->sweep && w->ops->sweep(w->ctx, b, partitions, b->n_shares, err) < 0)
		return -1;
	if (*n_deleted == 0 && !b->changed) {
		pg_rollback(w->pg);
		return 0;
	}
	return shares_advance(w, b, err) < 0 ? -1 : pg_commit(w->pg, err);
}

int worker_sweep(struct worker *w, struct err *err)
{
	struct outbox_row deleted[MAX_DELETES];
	uint64_t generation = w->generation;
	struct batch *b = w->working;
	size_t n_deleted = 0;

	if (w->n_slots == 0)
		return 0;
	b->pg = w->pg;
	sweep_shares(w, b);
	if (sweep_transaction(w, b, deleted, &n_deleted, err) < 0) {
		pg_rollback(w->pg);
		if (!is_data_error(err) || strcmp(err->code, "fenced") == 0)
			return -1;
		/* One parked update must not stop the partitions: it expires in the end. */
		log_error("sweep refused by the database", LOG_ERR(err));
		w->ops->rolled_back(w->ctx);
		batch_reset(b);
		return 0;
	}
	publisher_deleted(w->publisher, deleted, n_deleted);
	if (n_deleted > 0 || b->changed)
		batch_committed(w, b, generation == w->generation);
	batch_reset(b);
	return generation == w->generation && w->state == WORKER_RUNNING ? worker_adopt(w, err) : 0;
}

void worker_drain(struct worker *w, int64_t timeout_ms)
{
	int64_t until = clock_mono_ms() + timeout_ms;
	struct outbox_row rows[MAX_DELETES];
	struct err err;
	size_t n;

	worker_tell_offsets(w);
	while (publisher_total(w->publisher) > 0 && clock_mono_ms() < until) {
		service_alive(w->service);
		publisher_poll(w->publisher, 20);
	}
	if (!w->pg || !pg_usable(w->pg))
		return;
	w->stop_mono_ms = 0; /* the deletion has its own second */
	while ((n = publisher_acknowledged(w->publisher, rows, MAX_DELETES)) > 0) {
		if (outbox_delete(w->pg, w->options.consumer, rows, n, &err) < 0) {
			log_warn("outbox rows left for the next start", LOG_ERR(&err));
			return;
		}
		publisher_deleted(w->publisher, rows, n);
	}
	log_info("drained", LOG_I("outbox_rows_left", publisher_total(w->publisher)));
}
