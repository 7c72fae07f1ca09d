/* See admission.h. Invariant: deliveries of a chain are pending in order, and none without a row while the chain has rows. */
#include "webhook-dispatcher/lanes/admission.h"

#include "webhook-dispatcher/lanes/chain.h"
#include "webhook-dispatcher/lanes/delivery.h"
#include "webhook-dispatcher/lanes/lane.h"
#include "webhook-dispatcher/lanes/refetch_queue.h"

#define POSTPONE_MS 5000 /* of a due row whose lane is full */

bool lane_is_duplicate(const struct feed *f, const struct event *e)
{
	const struct uuid key = chain_key(f, e);
	const struct chain *c = chain_find(f->lane, &key);

	return c && c->rows > 0 && e->offset <= c->last_row;
}

void lane_admit(struct feed *f, struct event *e, enum delivery_hold hold, int64_t now_mono_ms)
{
	const struct uuid key = chain_key(f, e);
	struct chain *c = chain_ensure(f->lane, &key);

	f->lane->admitted_mono_ms = e->read_mono_ms;
	chain_push(c, delivery_new(f, c, e, hold));
	lane_update(c, now_mono_ms);
}

void lane_admit_row(struct lane *l, struct event *e, const struct retry_row *row, int64_t now_mono_ms)
{
	struct chain *c = chain_ensure(l, &row->ordering_key);
	struct delivery *d = delivery_new(NULL, c, e, HOLDS_NOTHING);

	d->retries = row->last_error.p ? row->retry_count + 1 : 0; /* a row without an error was never attempted */
	delivery_set_row(d, row->id);
	if (c->rows == 0) /* an operator revived it after the partition was acquired */
		chain_add_row(c, e->offset);
	chain_push(c, d);
	lane_update(c, now_mono_ms);
}

void lane_admit_refetched(struct refetch_row *queued, struct event *e, int64_t now_mono_ms)
{
	struct lane *l = queued->chain->lane;
	struct retry_row row = queued->row;

	refetch_queue_remove(l->partition, queued);
	lane_admit_row(l, e, &row, now_mono_ms);
}

void lane_fail_refetch(struct refetch_row *queued, const char *why, int64_t now_mono_ms)
{
	struct lane *l = queued->chain->lane;
	const struct uuid key = queued->chain->key;

	journal_add_result(l->partition->shared->journal, &queued->row, RETRY_FAILED, 0, why);
	refetch_queue_remove(l->partition, queued);
	lane_drop_row(l, &key, now_mono_ms);
}

void lane_drop_row(struct lane *l, const struct uuid *key, int64_t now_mono_ms)
{
	struct chain *c = chain_ensure(l, key);

	if (c->rows > 0)
		chain_drop_row(c);
	lane_update(c, now_mono_ms);
}

/* Whether deliveries of the chain are in memory: a further row follows them. */
static bool chain_is_in_memory(const struct chain *c)
{
	return c && (c->busy || c->refetching > 0 || !TAILQ_EMPTY(&c->pending));
}

int64_t lane_row_delay_ms(const struct lane *l, const struct uuid *key, int64_t now_mono_ms)
{
	if (!l->endpoint->live)
		return RETRY_WAITS;
	if (chain_is_in_memory(chain_find(l, key)))
		return 0;
	if (pace_is_paused(&l->pace, now_mono_ms))
		return l->pace.paused_until - now_mono_ms;
	return l->pending + l->refetching < (size_t)l->partition->shared->settings->endpoint_waiting ? 0 : POSTPONE_MS;
}

/* How many deliveries may wait in memory: each may have to become a row. */
static int64_t lane_max_pending(const struct lane *l)
{
	const struct dispatcher_settings *s = l->partition->shared->settings;
	int64_t rows_left = s->endpoint_rows - l->rows;

	return rows_left < s->endpoint_waiting ? rows_left : s->endpoint_waiting;
}

bool lane_has_room(const struct lane *l)
{
	return (int64_t)l->pending < lane_max_pending(l);
}

bool lane_is_crowded(const struct lane *l)
{
	return (int64_t)l->pending * 2 > lane_max_pending(l);
}
