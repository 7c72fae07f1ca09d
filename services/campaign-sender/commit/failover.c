/* Accounts that have been unusable for FAILOVER_AFTER_MS: others send their single messages, and their segments move; see private.h.
 * Invariant: only what waits is moved; what was begun stays with the account that may have sent it. */
#include "campaign-sender/commit/private.h"

#include <stdlib.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "store/sends_fetch.h"

#define FAILOVER_AFTER_MS 30000
#define FAILOVER_EVERY_MS 1000
#define FAILOVER_ROWS     500 /* of each account at once */

static bool is_unusable(const struct lane *lane, int64_t now_ms)
{
	return !lane->usable && now_ms - lane->unusable_since_ms >= FAILOVER_AFTER_MS;
}

bool failover_wanted(const struct flush *f, int64_t now_ms)
{
	const struct lane *lane;

	if (now_ms < f->failover_at_ms || f->o.lanes->stopped)
		return false;
	TAILQ_FOREACH (lane, &f->o.lanes->all, in_lanes)
		if (is_unusable(lane, now_ms))
			return true;
	return false;
}

/* Single messages */

struct due_rows {
	struct flush *flush;
	struct send_due_source *sources;
	struct lane **lanes;
	size_t n_sources;
	struct send_row *rows;
	size_t n, cap;
};

static void row_add(void *ctx, const struct send_row *row)
{
	struct due_rows *d = ctx;

	if (row->campaign_id || row->status != SEND_STATUS_PENDING)
		return;
	d->rows = vec_grow_in(d->flush->arena, d->rows, d->n, &d->cap, sizeof(*d->rows));
	d->rows[d->n++] = *row;
}

static void sources_collect(struct flush *f, struct due_rows *d)
{
	size_t cap_lanes = 0, cap_sources = 0;
	struct lane *lane;

	TAILQ_FOREACH (lane, &f->o.lanes->all, in_lanes) {
		if (!is_unusable(lane, f->now_ms))
			continue;
		d->sources = vec_grow_in(f->arena, d->sources, d->n_sources, &cap_sources, sizeof(*d->sources));
		d->lanes = vec_grow_in(f->arena, d->lanes, d->n_sources, &cap_lanes, sizeof(struct lane *));
		d->sources[d->n_sources] =
			(struct send_due_source){ lane->row.workspace_id, lane->row.account_id, FAILOVER_ROWS };
		d->lanes[d->n_sources++] = lane;
	}
}

static int row_cmp(const void *va, const void *vb)
{
	const struct send_row *a = va, *b = vb;

	if (a->workspace_id != b->workspace_id)
		return a->workspace_id < b->workspace_id ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

/* Those that may have been begun are left alone: in flight, or answered. */
static void written_add(struct flush *f, const struct send_row *row, const struct lane *lane)
{
	if (lanes_knows(f->o.lanes, lane->row.account_id, row->id))
		return;
	f->written[f->n_written++] = (struct written){
		.campaign_id = 0,
		.address = row->address,
		.content = row->content,
		.request = row->request,
		.kind = row->kind,
		.row = { .workspace_id = row->workspace_id,
			.id = row->id,
			.generation = row->generation,
			.sent_by = lane->row.account_id,
			.slot = lane->row.partition,
			.status = SEND_STATUS_PENDING,
			.attempt = row->attempt,
			.account_id = lane->row.account_id,
			.delay_ms = 0 },
	};
}

/* A named account is waited for in vain unless another may take its place. */
static bool may_move(struct flush *f, struct written *w)
{
	const struct client_id id = { .request = w->request };
	struct outgoing out;
	struct err err;

	if (outgoing_read(&out, w->content, w->address, &id, NULL, f->arena, &err) == 0 &&
		(out.message.allow_other_number || uuid_is_nil(&out.message.account)))
		return true;
	w->row.status = SEND_STATUS_FAILED;
	w->row.error_code = STR("session_not_active");
	w->row.error_message = STR("the account cannot send, and the request allows no other one");
	return false;
}

static int directs_collect(struct flush *f, struct due_rows *d, struct err *err)
{
	if (store_sends_due(owner_tx_pg(f->tx), d->sources, d->n_sources, NULL, 0, f->arena, row_add, d, err) < 0 ||
		flush_owns(f, err) < 0)
		return -1;
	if (d->n > 0)
		qsort(d->rows, d->n, sizeof(*d->rows), row_cmp);
	f->written = ARENA_ARRAY(f->arena, struct written, d->n + 1);
	for (size_t i = 0; i < d->n; i++)
		written_add(f, &d->rows[i], d->lanes[d->rows[i].place]);
	return 0;
}

static int directs_write(struct flush *f, struct err *err)
{
	struct send_result *rows = ARENA_ARRAY(f->arena, struct send_result, f->n_written + 1);

	for (size_t i = 0; i < f->n_written; i++)
		rows[i] = f->written[i].row;
	if (store_sends_results(owner_tx_pg(f->tx), rows, f->n_written, err) < 0)
		return -1;
	for (size_t i = 0; i < f->n_written; i++) {
		struct written *w = &f->written[i];

		w->row.applied = rows[i].applied;
		flush_release_address(f, w->row.workspace_id, w->row.sent_by, w->address);
		if (w->moved_to)
			flush_release_address(f, w->row.workspace_id, w->moved_to, w->address);
	}
	return dispatches_emit(f, err);
}

static int directs_move(struct flush *f, struct due_rows *d, struct err *err)
{
	bool *wanted;
	enum failover *rules;

	if (directs_collect(f, d, err) < 0)
		return -1;
	wanted = ARENA_ARRAY(f->arena, bool, f->n_written + 1);
	rules = ARENA_ARRAY(f->arena, enum failover, f->n_written + 1);
	for (size_t i = 0; i < f->n_written; i++) {
		wanted[i] = may_move(f, &f->written[i]);
		rules[i] = FAILOVER_ANY;
	}
	if (backups_choose(f, wanted, rules, err) < 0)
		return -1;
	for (size_t i = 0; i < d->n_sources; i++)
		concerned_add_lane(f, d->sources[i].workspace_id, d->sources[i].account_id, d->lanes[i]->row.partition);
	return 0;
}

/* Segments */

struct move {
	struct lane *lane;
	struct segment *segment;
	struct campaign_segment to;
};

static const struct account *successor(struct flush *f, const struct segment *s, const struct campaign *c)
{
	const int64_t from = s->row.account_id;
	const struct account *a = account_cache_find(f->o.shared->accounts, s->row.workspace_id, from);
	const struct choice what = { .workspace_id = s->row.workspace_id,
		.provider = a && !c->allow_other_provider ? a->from.provider : PROVIDER_NONE,
		.tried = &from,
		.n_tried = 1,
		.now_us = f->now_us };

	return choice_of(f->o.shared->accounts, &what);
}

static void segment_plan(struct flush *f, struct segment *s, struct move *moves, size_t *n)
{
	const struct campaign *c = campaign_cache_find(f->o.shared->campaigns, s->row.workspace_id, s->row.campaign_id);
	const struct account *to;

	if (!c || c->status != CAMPAIGN_RUNNING || !c->prepared || !segment_is_idle(s))
		return;
	to = successor(f, s, c);
	if (!to) {
		effects_add_pause(f->o.sending->journal->effects, c, "no_active_account",
			"No account of the campaign can send.");
		return;
	}
	moves[*n] = (struct move){ s->lane, s, s->row };
	moves[*n].to.account_id = to->id;
	moves[(*n)++].to.partition = to->partition;
	concerned_add_lane(f, to->workspace_id, to->id, to->partition);
	flush_notify(f, to);
}

static size_t segments_count(const struct flush *f)
{
	const struct segment *s;
	const struct lane *lane;
	size_t n = 0;

	TAILQ_FOREACH (lane, &f->o.lanes->all, in_lanes)
		TAILQ_FOREACH (s, &lane->segments, in_lane)
			n++;
	return n;
}

static struct move *segments_plan(struct flush *f, size_t *n)
{
	struct move *moves = ARENA_ARRAY(f->arena, struct move, segments_count(f) + 1);
	struct segment *s;
	struct lane *lane;

	*n = 0;
	TAILQ_FOREACH (lane, &f->o.lanes->all, in_lanes)
		if (is_unusable(lane, f->now_ms))
			TAILQ_FOREACH (s, &lane->segments, in_lane)
				segment_plan(f, s, moves, n);
	return moves;
}

static int segments_move(struct flush *f, const struct move *moves, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct campaign_segment *to = &moves[i].to;
		int moved;

		(void)failpoint("segment_move");
		moved = store_campaign_segment_move(owner_tx_pg(f->tx), to, moves[i].lane->row.account_id, err);
		if (moved < 0 || flush_owns(f, err) < 0)
			return -1;
		if (moved == 1)
			log_info("segment moved to another account", LOG_I("campaign", to->campaign_id),
				LOG_I("segment", to->segment), LOG_I("account", to->account_id));
	}
	f->segments_stale = f->segments_stale || n > 0;
	return 0;
}

int failover_run(struct flush *f, struct err *err)
{
	struct due_rows due = { .flush = f };
	struct move *moves;
	size_t n;

	f->failover_at_ms = f->now_ms + FAILOVER_EVERY_MS;
	sources_collect(f, &due);
	if (directs_move(f, &due, err) < 0)
		return -1;
	moves = segments_plan(f, &n);
	if (concerned_lock(f, err) < 0 || flush_owns(f, err) < 0)
		return -1;
	return directs_write(f, err) < 0 || flush_owns(f, err) < 0 ? -1 : segments_move(f, moves, n, err);
}
