/* Rows to be sent next; see private.h. */
#include "campaign-sender/commit/private.h"

#include <stdlib.h>

struct row_list {
	struct send_row *rows;
	size_t n, cap;
	struct arena *arena;
};

/* One statement's rows in the order of the answer. */
static void row_add(void *ctx, const struct send_row *row)
{
	struct row_list *l = ctx;

	l->rows = vec_grow_in(l->arena, l->rows, l->n, &l->cap, sizeof(*l->rows));
	l->rows[l->n++] = *row;
}

static int campaigns_load(struct flush *f, const struct row_list *l, struct err *err)
{
	struct campaign_key *keys = ARENA_ARRAY(f->arena, struct campaign_key, l->n + 1);
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct send_row *row = &l->rows[i];

		if (row->campaign_id && (n == 0 || keys[n - 1].id != row->campaign_id))
			keys[n++] = (struct campaign_key){ row->workspace_id, row->campaign_id };
	}
	return n > 0 ? campaign_cache_load(f->o.shared->campaigns, owner_tx_pg(f->tx), keys, n, err) : 0;
}

static void segments_put(struct flush *f, const struct fetch_plan *plan, const struct row_list *l)
{
	size_t at = 0;

	for (size_t i = 0; i < plan->n_ahead; i++) {
		struct segment *s = plan->segments[i];
		size_t first = at;

		for (; at < l->n && l->rows[at].place == i; at++)
			(void)lane_put(s->lane, s, &l->rows[at], f->now_ms);
		segment_fetched(s, at - first, (size_t)plan->ahead[i].room, at > first ? l->rows[at - 1].id : 0);
	}
}

int flush_fetch(struct flush *f, struct err *err)
{
	struct row_list due = { .arena = f->arena }, retries = due, ahead = due;
	struct pg *pg = owner_tx_pg(f->tx);
	struct fetch_plan plan = { 0 };

	if (!lanes_want_rows(f->o.lanes, f->now_ms))
		return 0;
	lanes_plan_fetch(f->o.lanes, f->now_ms, f->arena, &plan);
	if (store_sends_due(pg, plan.due, plan.n_due, plan.known, plan.n_known, f->arena, row_add, &due, err) < 0 ||
		store_sends_retries(pg, plan.retries, plan.n_retries, plan.known, plan.n_known, f->arena, row_add,
			&retries, err) < 0 ||
		store_sends_segment(pg, plan.ahead, plan.n_ahead, f->arena, row_add, &ahead, err) < 0 ||
		campaigns_load(f, &due, err) < 0 || flush_owns(f, err) < 0)
		return -1;
	for (size_t i = 0; i < due.n; i++)
		(void)lane_put(plan.due_lanes[due.rows[i].place], NULL, &due.rows[i], f->now_ms);
	for (size_t i = 0; i < retries.n; i++) {
		struct segment *s = plan.retry_segments[retries.rows[i].place];

		(void)lane_put(s->lane, s, &retries.rows[i], f->now_ms);
	}
	segments_put(f, &plan, &ahead);
	return 0;
}
