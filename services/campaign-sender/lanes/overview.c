/* What the flush asks of all lanes: what has changed, what is to move to other accounts. */
#include <stdlib.h>

#include "base/vec.h"
#include "campaign-sender/lanes/lanes.h"

#define STRANDED_AGAIN_MS 1000

static int order(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int lanes_in_order(const void *a, const void *b)
{
	const struct send_lane *x = a, *y = b;
	int by = order(x->workspace_id, y->workspace_id);

	return by ? by : order(x->account_id, y->account_id);
}

size_t lanes_changed(struct lanes *l, struct arena *a, struct send_lane **out)
{
	size_t n = 0, cap = 0;
	int64_t *ids;
	struct lane *lane;

	*out = NULL;
	while ((lane = TAILQ_FIRST(&l->changed))) {
		TAILQ_REMOVE(&l->changed, lane, in_changed);
		lane->changed = false;
		*out = vec_grow_in(a, *out, n, &cap, sizeof(**out));
		(*out)[n] = lane->row;
		(*out)[n].n_in_flight = lane_in_flight(lane, a, &ids);
		(*out)[n++].in_flight = ids;
	}
	if (n > 1)
		qsort(*out, n, sizeof(**out), lanes_in_order);
	return n;
}

static int segments_in_order(const void *a, const void *b)
{
	const struct campaign_segment *x = a, *y = b;
	int by = order(x->workspace_id, y->workspace_id);

	if (by == 0)
		by = order(x->campaign_id, y->campaign_id);
	return by ? by : order(x->segment, y->segment);
}

size_t lanes_changed_segments(struct lanes *l, struct arena *a, struct campaign_segment **out)
{
	size_t n = 0, cap = 0;
	struct segment *s;

	*out = NULL;
	while ((s = TAILQ_FIRST(&l->changed_segments))) {
		TAILQ_REMOVE(&l->changed_segments, s, in_changed);
		s->changed = false;
		*out = vec_grow_in(a, *out, n, &cap, sizeof(**out));
		(*out)[n++] = s->row;
	}
	if (n > 1)
		qsort(*out, n, sizeof(**out), segments_in_order);
	return n;
}

/* The sends of a found set. */
struct found {
	struct arena *arena;
	struct send **at;
	size_t n, cap;
};

bool send_is_overdue(const struct send *s, int64_t now_us)
{
	return s->row.deadline_us != PG_NO_TIME && s->row.deadline_us <= now_us;
}

/* Adds all single messages, or those that are overdue; of the others *deadline_us becomes the first deadline, if it is earlier. */
static void found_add(struct found *f, const struct send_list *list, bool all, int64_t now_us, int64_t *deadline_us)
{
	struct send *s;

	TAILQ_FOREACH (s, list, in_list) {
		if (s->segment || s->resolves)
			continue;
		if (!all && !send_is_overdue(s, now_us)) {
			if (s->row.deadline_us != PG_NO_TIME && s->row.deadline_us < *deadline_us)
				*deadline_us = s->row.deadline_us;
			continue;
		}
		f->at = vec_grow_in(f->arena, f->at, f->n, &f->cap, sizeof(struct send *));
		f->at[f->n++] = s;
	}
}

/* Adds the lane's single messages that are to be found now. Returns when to look again: those that are found and stay are found again. */
static int64_t lane_find(const struct lane *lane, int64_t now_us, int64_t now_ms, struct found *f)
{
	int64_t stranded_ms = lane->unusable_since_ms + LANE_STRANDED_MS, deadline_us = INT64_MAX, again_ms;
	bool all = stranded_ms <= now_ms;
	size_t before = f->n;

	if (lane->usable || lane->n_direct + lane->n_delayed == 0)
		return INT64_MAX;
	found_add(f, &lane->direct, all, now_us, &deadline_us);
	found_add(f, &lane->delayed, all, now_us, &deadline_us);
	if (all || f->n > before)
		return now_ms + STRANDED_AGAIN_MS;
	again_ms = deadline_us == INT64_MAX ? INT64_MAX : now_ms + (deadline_us - now_us + 999) / 1000;
	return again_ms < stranded_ms ? again_ms : stranded_ms;
}

size_t lanes_stranded(struct lanes *l, int64_t now_us, int64_t now_ms, struct arena *a, struct send ***out)
{
	struct found f = { .arena = a };
	struct lane *lane;

	*out = NULL;
	if (now_ms < l->stranded_at_ms)
		return 0;
	l->stranded_at_ms = INT64_MAX;
	TAILQ_FOREACH (lane, &l->all, in_lanes) {
		int64_t at_ms = lane_find(lane, now_us, now_ms, &f);

		if (at_ms < l->stranded_at_ms)
			l->stranded_at_ms = at_ms;
	}
	*out = f.at;
	return f.n;
}

size_t lanes_movable(const struct lanes *l, struct arena *a, struct segment ***out)
{
	size_t n = 0, cap = 0;
	const struct lane *lane;
	struct segment *s;

	*out = NULL;
	if (l->moving == 0)
		return 0;
	TAILQ_FOREACH (lane, &l->all, in_lanes)
		TAILQ_FOREACH (s, &lane->segments, in_lane) {
			if (s->row.moving_to == 0 || s->in_flight > 0)
				continue;
			*out = vec_grow_in(a, *out, n, &cap, sizeof(struct segment *));
			(*out)[n++] = s;
		}
	return n;
}
