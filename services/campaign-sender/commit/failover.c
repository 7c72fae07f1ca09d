/* Accounts that have been unusable for LANE_STRANDED_MS: others send their single messages, and their segments move; see private.h. A single
 * message whose deadline passes meanwhile fails.
 * Invariant: only what waits is moved; what was begun stays with the account that may have sent it. */
#include "campaign-sender/commit/private.h"

#include <stdlib.h>

#include "base/failpoint.h"
#include "base/log.h"

#define FAILOVER_EVERY_MS 1000

bool failover_wanted(const struct flush *f, int64_t now_ms)
{
	const struct lane *lane;

	if (now_ms < f->failover_at_ms || f->o.lanes->stopped || f->o.lanes->draining)
		return false;
	if (now_ms >= f->o.lanes->stranded_at_ms || f->o.lanes->moving > 0)
		return true;
	TAILQ_FOREACH (lane, &f->o.lanes->all, in_lanes)
		if (lane_is_stranded(lane, now_ms) && !TAILQ_EMPTY(&lane->segments))
			return true;
	return false;
}

/* Single messages */

static struct written written_of(struct send *s)
{
	const struct send_row *row = &s->row;

	return (struct written){
		.waiting = s,
		.address = row->address,
		.content = row->content,
		.request = row->request,
		.kind = row->kind,
		.row = { .workspace_id = row->workspace_id,
			.id = row->id,
			.generation = row->generation,
			.sent_by = s->account_id,
			.slot = s->partition,
			.status = SEND_STATUS_FAILED,
			.attempt = row->attempt,
			.account_id = s->account_id,
			.delay_ms = -1 },
	};
}

/* Whether another account may send it. If none does, it fails. */
static bool may_move(struct flush *f, struct written *w, enum failover rule)
{
	const struct client_id id = { .request = w->request };
	struct outgoing out;
	struct err err;

	if (send_is_overdue(w->waiting, f->now_us)) {
		w->row.error_code = STR("deadline");
		w->row.error_message = STR("the deadline passed while the account could not send");
		return false;
	}
	w->row.error_code = STR("session_not_active");
	w->row.error_message = STR("the account cannot send, and the request allows no other one");
	if (outgoing_read(&out, w->content, w->address, &id, NULL, f->arena, &err) < 0)
		return false;
	if (!out.message.allow_other_number && !uuid_is_nil(&out.message.account))
		return false;
	w->row.error_code = uuid_is_nil(&out.message.account) ? STR("no_active_account") : STR("no_backup_account");
	w->row.error_message = STR("no account of the workspace can send it");
	return rule != FAILOVER_NEVER;
}

static int written_cmp(const void *va, const void *vb)
{
	const struct written *a = va, *b = vb;

	if (a->row.workspace_id != b->row.workspace_id)
		return a->row.workspace_id < b->row.workspace_id ? -1 : 1;
	return (a->row.id > b->row.id) - (a->row.id < b->row.id);
}

static int directs_choose(struct flush *f, struct err *err)
{
	struct send **waiting;
	size_t n = lanes_stranded(f->o.lanes, f->now_us, f->now_ms, f->arena, &waiting);
	bool *wanted = ARENA_ARRAY(f->arena, bool, n + 1);
	enum failover *rules = ARENA_ARRAY(f->arena, enum failover, n + 1);

	if (n == 0)
		return 0;
	if (restored_resolve(f, waiting, n, err) < 0)
		return -1;
	f->written = ARENA_ARRAY(f->arena, struct written, n + 1);
	for (size_t i = 0; i < n; i++)
		f->written[i] = written_of(waiting[i]);
	f->n_written = n;
	qsort(f->written, n, sizeof(*f->written), written_cmp);
	for (size_t i = 0; i < n; i++) {
		rules[i] = failover_rule(f, f->written[i].row.workspace_id, f->written[i].row.sent_by);
		wanted[i] = may_move(f, &f->written[i], rules[i]);
		concerned_add_lane(f, f->written[i].row.workspace_id, f->written[i].row.sent_by,
			f->written[i].row.slot);
	}
	return backups_choose(f, wanted, rules, err);
}

static int directs_write(struct flush *f, struct err *err)
{
	struct send_result *rows = ARENA_ARRAY(f->arena, struct send_result, f->n_written + 1);

	for (size_t i = 0; i < f->n_written; i++)
		rows[i] = f->written[i].row;
	if (store_sends_results(owner_tx_pg(f->tx), rows, f->n_written, err) < 0 || flush_owns(f, err) < 0)
		return -1;
	for (size_t i = 0; i < f->n_written; i++) {
		struct written *w = &f->written[i];

		w->row.applied = rows[i].applied;
		w->row.erased = rows[i].erased;
		flush_release_address(f, w->row.workspace_id, w->row.sent_by, w->address);
		if (w->moved_to)
			flush_release_address(f, w->row.workspace_id, w->moved_to, w->address);
	}
	return dispatches_emit(f, err);
}

void failover_done(struct flush *f)
{
	for (size_t i = 0; i < f->n_written; i++)
		send_end(f->written[i].waiting);
}

/* Segments */

static void segment_plan(struct flush *f, struct segment *s)
{
	const struct campaign *c = segment_to_move(f, s);
	const struct account *to;

	if (!c)
		return;
	to = successor_of(f, s, c);
	if (to)
		segment_move(s, to->id, f->now_ms);
	else
		effects_add_pause(f->o.sending->journal->effects, c, "no_active_account",
			"No account of the campaign can send.");
}

static int segments_plan(struct flush *f, struct err *err)
{
	struct segment *s;
	struct lane *lane;

	if (successors_load(f, err) < 0)
		return -1;
	TAILQ_FOREACH (lane, &f->o.lanes->all, in_lanes) {
		if (!lane_is_stranded(lane, f->now_ms))
			continue;
		TAILQ_FOREACH (s, &lane->segments, in_lane)
			segment_plan(f, s);
	}
	return 0;
}

struct move {
	struct campaign_segment to;
	int64_t from;
};

/* Those of which nothing is in flight. */
static struct move *moves_collect(struct flush *f, size_t *n)
{
	struct segment **at;
	size_t found = lanes_movable(f->o.lanes, f->arena, &at);
	struct move *moves = ARENA_ARRAY(f->arena, struct move, found + 1);

	*n = 0;
	for (size_t i = 0; i < found; i++) {
		const struct account *to =
			account_cache_find(f->o.shared->accounts, at[i]->row.workspace_id, at[i]->row.moving_to);
		struct move *m = &moves[*n];

		if (!to) {
			segment_move(at[i], 0, f->now_ms);
			continue;
		}
		*m = (struct move){ at[i]->row, at[i]->row.account_id };
		m->to.account_id = to->id;
		m->to.partition = to->partition;
		m->to.moving_to = 0;
		++*n;
		concerned_add_lane(f, to->workspace_id, to->id, to->partition);
		concerned_add_lane(f, to->workspace_id, m->from, at[i]->row.partition);
		flush_notify(f, to);
	}
	return moves;
}

/* At once: what is in memory of it must not be written over the row that has moved. */
static void segment_leave(struct flush *f, const struct move *m)
{
	struct lane *lane = lanes_find(f->o.lanes, m->from);
	struct segment *s = lane ? lane_find_segment(lane, m->to.campaign_id, m->to.segment) : NULL;

	log_info("segment moved to another account", LOG_I("campaign", m->to.campaign_id),
		LOG_I("segment", m->to.segment), LOG_I("account", m->to.account_id));
	if (s)
		lane_drop_segment(s);
}

static int segments_move(struct flush *f, const struct move *moves, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct campaign_segment *to = &moves[i].to;
		int moved;

		(void)failpoint("segment_move");
		moved = store_campaign_segment_move(owner_tx_pg(f->tx), to, moves[i].from, err);
		if (moved < 0 || flush_owns(f, err) < 0)
			return -1;
		if (moved == 1)
			segment_leave(f, &moves[i]);
	}
	f->segments_stale = f->segments_stale || n > 0;
	return 0;
}

int failover_run(struct flush *f, struct err *err)
{
	const struct move *moves;
	size_t n;

	f->failover_at_ms = f->now_ms + FAILOVER_EVERY_MS;
	if (directs_choose(f, err) < 0 || segments_plan(f, err) < 0)
		return -1;
	moves = moves_collect(f, &n);
	if (concerned_lock(f, err) < 0 || flush_owns(f, err) < 0 || directs_write(f, err) < 0 || flush_owns(f, err) < 0)
		return -1;
	return segments_move(f, moves, n, err);
}
