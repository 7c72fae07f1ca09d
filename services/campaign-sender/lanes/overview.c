/* What the flush asks of all lanes: what has changed, what is to move to other accounts. */
#include <stdlib.h>

#include "base/vec.h"
#include "campaign-sender/lanes/lanes.h"

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

static void found_add(struct found *f, const struct send_list *list)
{
	struct send *s;

	TAILQ_FOREACH (s, list, in_list) {
		if (s->segment || s->resolves)
			continue;
		f->at = vec_grow_in(f->arena, f->at, f->n, &f->cap, sizeof(struct send *));
		f->at[f->n++] = s;
	}
}

/* When the lane's single messages are to be found; INT64_MAX: none waits without an account. */
static int64_t lane_stranded_ms(const struct lane *lane)
{
	return lane->usable || lane->n_direct + lane->n_delayed == 0 ? INT64_MAX
								     : lane->unusable_since_ms + LANE_STRANDED_MS;
}

size_t lanes_stranded(struct lanes *l, int64_t now_ms, struct arena *a, struct send ***out)
{
	struct found f = { .arena = a };
	struct lane *lane;

	*out = NULL;
	if (now_ms < l->stranded_at_ms)
		return 0;
	l->stranded_at_ms = INT64_MAX;
	TAILQ_FOREACH (lane, &l->all, in_lanes) {
		int64_t at_ms = lane_stranded_ms(lane);

		if (at_ms <= now_ms) {
			found_add(&f, &lane->direct);
			found_add(&f, &lane->delayed);
			at_ms = now_ms + 1000; /* those that stay are found again */
		}
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
