/* Segments of campaigns in memory as their campaigns are now; see private.h. Invariant: a segment runs only while its campaign is running and
 * prepared, within its send window, and its portfolio has messages left. */
#include "campaign-sender/commit/private.h"

#include <stdlib.h>

#include "campaign-sender/lanes/schedule.h"

#define STOPPED_MAX_MS    60000 /* until a segment whose campaign was not paused goes on */
#define SEGMENTS_EVERY_MS 1000 /* also without a notification: windows open and close, portfolios are used up */

struct segments_read {
	struct campaign_segment *rows;
	size_t n, cap;
	struct arena *arena;
};

static void segment_add(void *ctx, const struct campaign_segment *row)
{
	struct segments_read *l = ctx;

	l->rows = vec_grow_in(l->arena, l->rows, l->n, &l->cap, sizeof(*l->rows));
	l->rows[l->n++] = *row;
}

static int campaigns_load(struct flush *f, const struct segments_read *l, struct err *err)
{
	struct campaign_key *keys = ARENA_ARRAY(f->arena, struct campaign_key, l->n + 1);

	for (size_t i = 0; i < l->n; i++)
		keys[i] = (struct campaign_key){ l->rows[i].workspace_id, l->rows[i].campaign_id };
	return l->n > 0 ? campaign_cache_load(f->o.shared->campaigns, owner_tx_pg(f->tx), keys, l->n, err) : 0;
}

static const struct account *account_of(const struct flush *f, const struct campaign_segment *row)
{
	return account_cache_find(f->o.shared->accounts, row->workspace_id, row->account_id);
}

/* Messages that the account's portfolio may still send today. */
static int portfolio_is_open(struct flush *f, const struct account *a, bool *open, struct err *err)
{
	int64_t limit = a ? a->portfolio_per_day : 0, sends = 0, again_us = PG_NO_TIME;

	*open = true;
	if (limit <= 0 || a->business_id.n == 0)
		return 0;
	if (store_portfolio_read(owner_tx_pg(f->tx), a->workspace_id, a->business_id, &sends, &again_us, err) < 0)
		return -1;
	*open = sends < limit;
	return 0;
}

/* Whether each is within its window and portfolio. */
static int openings_read(struct flush *f, const struct segments_read *l, bool *open, struct err *err)
{
	struct campaign_window *windows = ARENA_ARRAY(f->arena, struct campaign_window, l->n + 1);

	for (size_t i = 0; i < l->n; i++) {
		const struct account *a = account_of(f, &l->rows[i]);

		windows[i] = (struct campaign_window){ .key = { l->rows[i].workspace_id, l->rows[i].campaign_id },
			.bridge = a && a->limits.bridge };
	}
	if (l->n > 0 && store_campaign_windows(owner_tx_pg(f->tx), windows, l->n, err) < 0)
		return -1;
	for (size_t i = 0; i < l->n; i++) {
		if (portfolio_is_open(f, account_of(f, &l->rows[i]), &open[i], err) < 0)
			return -1;
		open[i] = open[i] && windows[i].open;
	}
	return 0;
}

/* The pause was written with the result that stopped the segment. It is not applied when a person's command is later than that result. */
static bool stop_is_over(const struct segment *s, int64_t now_ms)
{
	return s->stopped && s->stopped_ms != 0 && now_ms - s->stopped_ms > STOPPED_MAX_MS;
}

/* True once after a pause, also after one that began and ended between two looks: each command of a person moves commanded_at. */
static bool has_resumed(struct segment *s, const struct campaign *c, int64_t now_ms)
{
	bool resumed = c && c->status == CAMPAIGN_RUNNING &&
		(s->was_paused || (s->commanded_us != 0 && s->commanded_us != c->commanded_us) ||
			stop_is_over(s, now_ms));

	if (resumed || !s->stopped)
		s->stopped_ms = 0;
	else if (s->stopped_ms == 0)
		s->stopped_ms = now_ms;
	s->was_paused = c && c->status == CAMPAIGN_PAUSED;
	if (c && c->status == CAMPAIGN_RUNNING)
		s->commanded_us = c->commanded_us;
	return resumed;
}

static void segment_apply(struct flush *f, const struct campaign_segment *row, bool open)
{
	const struct campaign *c = campaign_cache_find(f->o.shared->campaigns, row->workspace_id, row->campaign_id);
	struct lane *lane = lanes_find(f->o.lanes, row->account_id);
	bool running = c && c->status == CAMPAIGN_RUNNING && c->prepared && open;
	struct segment *s;

	if (!lane) {
		f->lanes_stale = true;
		return;
	}
	s = lane_find_segment(lane, row->campaign_id, row->segment);
	if (!s || s->running != running || s->row.done != row->done || s->row.moving_to != row->moving_to || f->told)
		s = lane_segment(lane, row, running, f->now_ms);
	if (has_resumed(s, c, f->now_ms))
		segment_run(s, running, true, f->now_ms);
}

static int key_cmp(const void *va, const void *vb)
{
	const struct campaign_segment *a = va, *b = vb;

	if (a->workspace_id != b->workspace_id)
		return a->workspace_id < b->workspace_id ? -1 : 1;
	if (a->campaign_id != b->campaign_id)
		return a->campaign_id < b->campaign_id ? -1 : 1;
	return (a->segment > b->segment) - (a->segment < b->segment);
}

/* They were read in the order of their keys. */
static bool is_read(const struct segments_read *l, const struct segment *s)
{
	const struct campaign_segment *row = l->n > 0 ? bsearch(&s->row, l->rows, l->n, sizeof(s->row), key_cmp) : NULL;

	return row && row->account_id == s->row.account_id;
}

/* Those that are done, or have moved. */
static void segments_drop(struct lane *lane, const struct segments_read *l)
{
	struct segment *s, *next;

	for (s = TAILQ_FIRST(&lane->segments); s; s = next) {
		next = TAILQ_NEXT(s, in_lane);
		if (!is_read(l, s) && !s->changed && s->in_flight == 0)
			lane_drop_segment(s);
	}
}

struct finished {
	struct flush *flush;
	struct campaign_key *keys;
	size_t n, cap;
};

static bool has_ended(enum campaign_status status)
{
	return status == CAMPAIGN_COMPLETED || status == CAMPAIGN_CANCELLED;
}

/* The driver may complete a campaign before the lane has found that nothing is left. */
static bool may_be_done(const struct flush *f, const struct segment *s)
{
	const struct campaign *c = campaign_cache_find(f->o.shared->campaigns, s->row.workspace_id, s->row.campaign_id);

	if (s->row.done)
		return false;
	return (s->running && segment_is_finished(s)) || (c && has_ended(c->status) && s->in_flight == 0);
}

static void segment_finish(void *ctx, const struct campaign_row *row)
{
	const struct finished *done = ctx;
	struct segment *s;
	struct lane *lane;

	if (!has_ended(row->status) && (row->status != CAMPAIGN_RUNNING || row->prepared_us == PG_NO_TIME))
		return;
	TAILQ_FOREACH (lane, &done->flush->o.lanes->all, in_lanes)
		TAILQ_FOREACH (s, &lane->segments, in_lane)
			if (s->row.campaign_id == row->id && may_be_done(done->flush, s)) {
				s->row.done = true;
				segment_mark_changed(s);
			}
}

/* Segments of which nothing is left are done, if their campaign is running or has ended in this transaction: of a paused one nothing is
 * fetched. */
static int segments_finish(struct flush *f, struct err *err)
{
	struct finished done = { .flush = f };
	const struct lane *lane;
	const struct segment *s;

	TAILQ_FOREACH (lane, &f->o.lanes->all, in_lanes)
		TAILQ_FOREACH (s, &lane->segments, in_lane) {
			if (!may_be_done(f, s))
				continue;
			done.keys = vec_grow_in(f->arena, done.keys, done.n, &done.cap, sizeof(*done.keys));
			done.keys[done.n++] = (struct campaign_key){ s->row.workspace_id, s->row.campaign_id };
		}
	if (done.n == 0)
		return 0;
	if (store_campaigns_read(owner_tx_pg(f->tx), done.keys, done.n, f->arena, segment_finish, &done, err) < 0)
		return -1;
	return flush_owns(f, err);
}

int segments_refresh(struct flush *f, struct err *err)
{
	struct segments_read read = { .arena = f->arena };
	struct lane *lane;
	bool *open;
	size_t n;
	const int32_t *partitions = partitions_owned(f, &n);

	f->segments_at_ms = f->now_ms + SEGMENTS_EVERY_MS;
	if (store_campaign_segments_read(owner_tx_pg(f->tx), partitions, n, segment_add, &read, err) < 0 ||
		campaigns_load(f, &read, err) < 0)
		return -1;
	open = ARENA_ARRAY(f->arena, bool, read.n + 1);
	if (openings_read(f, &read, open, err) < 0 || flush_owns(f, err) < 0)
		return -1;
	f->n_segments = read.n;
	for (size_t i = 0; i < read.n; i++)
		segment_apply(f, &read.rows[i], open[i]);
	f->told = false;
	TAILQ_FOREACH (lane, &f->o.lanes->all, in_lanes)
		segments_drop(lane, &read);
	return segments_finish(f, err);
}
