/* See flush.h.
 *
 *   plan_make() --> BEGIN, fence --> attempts, rows, results, positions, dead letters --> claim due rows --> COMMIT --> apply in memory
 *   nothing waits   |<---- every statement turns the event loop: records are read, requests end ---->|
 *
 * Invariant: partitions may be revoked during each statement, so after the plan is made nothing here points at a lane. */
#include "webhook-dispatcher/commit/flush.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "webhook-dispatcher/commit/private.h"
#include "webhook-dispatcher/intake/due_rows.h"
#include "webhook-dispatcher/lanes/chain.h"
#include "webhook-dispatcher/lanes/delivery.h"
#include "webhook-dispatcher/lanes/lane.h"
#include "webhook-dispatcher/lanes/partition.h"
#include "webhook-dispatcher/lanes/send_queue.h"

struct flush {
	struct flush_options o;
	struct journal *journal; /* the one being written; otherwise empty */
	struct plan plan;
	struct items claimed; /* struct retry_row */
};

struct flush *flush_new(const struct flush_options *options)
{
	struct flush *f = mem_calloc(1, sizeof(*f));

	f->o = *options;
	f->journal = journal_new();
	return f;
}

void flush_free(struct flush *f)
{
	if (!f)
		return;
	journal_free(f->journal);
	plan_fini(&f->plan);
	items_fini(&f->claimed);
	free(f);
}

static int endpoints_write(struct flush *f, const int32_t *partitions, size_t n, struct err *err)
{
	const struct items *endpoints = &f->journal->endpoints;
	struct arena *a = owner_tx_arena(f->o.tx);
	struct endpoint_key *live = ARENA_ARRAY(a, struct endpoint_key, endpoints->n + 1);
	struct endpoint_key *gone = ARENA_ARRAY(a, struct endpoint_key, endpoints->n + 1);
	struct pg *pg = owner_tx_pg(f->o.tx);
	size_t n_live = 0, n_gone = 0;

	for (size_t i = 0; i < endpoints->n; i++) {
		const struct endpoint_update *update = &ITEMS(endpoints, struct endpoint_update)[i];

		if (update->deleted)
			gone[n_gone++] = update->key;
		else
			live[n_live++] = update->key;
	}
	if (store_retries_release_endpoints(pg, partitions, n, live, n_live, err) < 0 ||
		store_retries_abandon(pg, partitions, n, gone, n_gone, err) < 0)
		return -1;
	return store_positions_delete(pg, str_of(f->o.readers->topic), partitions, n, gone, n_gone, err);
}

static int replays_write(struct flush *f, struct err *err)
{
	struct str topic = str_of(f->o.readers->topic);
	struct pg *pg = owner_tx_pg(f->o.tx);
	const struct plan *p = &f->plan;

	if (store_replay_positions_write(pg, topic, ITEMS(&p->replay_positions, struct replay_position),
		    p->replay_positions.n, err) < 0)
		return -1;
	return store_replays_finish(pg, "webhook-dispatcher", topic, ITEMS(&p->completed_replays, int64_t),
		p->completed_replays.n, err);
}

static void claimed_keep(void *ctx, const struct retry_row *row)
{
	struct retry_row *kept = ITEMS_ADD((struct items *)ctx, struct retry_row);

	*kept = *row;
	if (uuid_is_nil(&kept->ordering_key)) /* unordered: a chain of its own */
		kept->ordering_key = kept->event_id;
}

/* How many more deliveries may be in flight. Deliveries that wait in memory for their endpoint take no room from others, since each endpoint
 * has its own bound there. Always a few: when new events use all room, retries still get their turn. */
static int claim_room(const struct dispatcher_settings *s, size_t in_flight)
{
	int64_t room = s->max_in_flight - (int64_t)in_flight;
	int64_t few = s->claim_max < s->max_in_flight ? s->claim_max : s->max_in_flight;

	return (int)(room > few ? room : few);
}

/* Workspaces take turns in a claim: when most have few due rows, one with many gets less than the limit. So a claim that returned a quarter of
 * the room may have left rows due. */
static int rows_claim(struct flush *f, struct flush_outcome *out, struct err *err)
{
	const struct dispatcher_settings *settings = f->o.settings;
	int limit = (int)settings->claim_max;
	int room = claim_room(settings, send_queue_in_flight(f->o.readers->lanes));

	if (store_retries_claim(owner_tx_pg(f->o.tx), f->o.replica, ITEMS(&f->plan.partitions, int32_t),
		    f->plan.partitions.n, limit, room, settings->lease_ms, owner_tx_arena(f->o.tx), claimed_keep,
		    &f->claimed, err) < 0)
		return -1;
	out->more_due = f->claimed.n * 4 >= (size_t)(room < limit ? room : limit);
	return 0;
}

/* If most claimed rows were postponed, no more are claimed at once. */
static void rows_admit(struct flush *f, struct flush_outcome *out)
{
	size_t postponed = due_rows_admit(f->o.readers, ITEMS(&f->claimed, struct retry_row), f->claimed.n);

	out->more_due = out->more_due && postponed * 2 <= f->claimed.n;
}

static int statements_run(struct flush *f, struct err *err)
{
	struct str topic = str_of(f->o.readers->topic);
	struct pg *pg = owner_tx_pg(f->o.tx);
	struct journal *j = f->journal;
	struct plan *p = &f->plan;

	if (store_retries_insert(pg, f->o.replica, ITEMS(&p->rows, struct retry_row), p->rows.n, err) < 0 ||
		store_retries_finish(pg, ITEMS(&p->results, struct retry_result), p->results.n, err) < 0 ||
		store_retries_release(pg, ITEMS(&p->releases, struct retry_key), p->releases.n, err) < 0 ||
		store_positions_write(pg, topic, ITEMS(&p->positions, struct position_row), p->positions.n, err) < 0 ||
		replays_write(f, err) < 0 ||
		endpoints_write(f, ITEMS(&p->partitions, int32_t), p->partitions.n, err) < 0 ||
		store_attempts_insert(pg, ITEMS(&j->attempts, struct attempt_row), j->attempts.n, err) < 0)
		return -1;
	return emit_findings(f->o.tx, j, topic, err) < 0 ? -1 : emit_dead(f->o.tx, j, err);
}

static int transaction_begin(struct flush *f, struct err *err)
{
	for (size_t i = 0; i < f->plan.partitions.n; i++)
		if (owner_tx_include(f->o.tx, chat_event_partition(ITEMS(&f->plan.partitions, int32_t)[i]), err) < 0)
			return -1;
	(void)failpoint("flush_begin");
	if (owner_tx_begin(f->o.tx, err) < 0)
		return -1;
	for (size_t i = 0; i < f->plan.steps.n; i++) {
		const struct step *step = &ITEMS(&f->plan.steps, struct step)[i];

		owner_tx_advance(f->o.tx, chat_event_partition(step->partition), step->from, step->to, step->counts);
	}
	(void)failpoint("flush_locked");
	return 0;
}

static void spills_written(struct flush *f)
{
	const struct retry_row *rows = ITEMS(&f->plan.rows, struct retry_row);

	for (size_t i = 0; i < f->journal->spills.n; i++) {
		struct delivery *d = ITEMS(&f->journal->spills, struct delivery *)[i];

		if (d->lane)
			delivery_set_row(d, rows[i].id);
	}
}

/* An event that already has a row from earlier needs no second one. A delivery in flight then uses the earlier row (spills_written()). */
static void rows_written(struct flush *f)
{
	for (size_t i = f->journal->spills.n; i < f->plan.rows.n; i++) {
		const struct retry_row *row = &ITEMS(&f->plan.rows, struct retry_row)[i];
		struct partition *p = readers_partition(f->o.readers, row->partition);
		struct endpoint *e = endpoint_cache_find(f->o.readers->endpoints, row->endpoint_id);
		int64_t now = clock_mono_ms();
		struct chain *c =
			p && e && !row->inserted ? chain_find(partition_lane(p, e, now), &row->ordering_key) : NULL;

		if (!c)
			continue;
		chain_drop_row(c);
		lane_update(c, now);
	}
}

static void journal_swap(struct flush *f)
{
	struct lane_shared *lanes = f->o.readers->lanes;
	struct journal *full = lanes->journal;

	lanes->journal = f->journal;
	f->journal = full;
}

static int plan_write(struct flush *f, bool claim, struct flush_outcome *out, struct err *err)
{
	uint64_t generation = owner_generation(f->o.owner);

	if (transaction_begin(f, err) < 0 || statements_run(f, err) < 0 || (claim && rows_claim(f, out, err) < 0))
		return -1;
	(void)failpoint("flush_commit");
	if (owner_tx_commit(f->o.tx, err) < 0)
		return -1;
	(void)failpoint("flush_committed");
	spills_written(f);
	out->rows_released = out->rows_released || f->plan.releases.n > 0;
	if (generation == owner_generation(f->o.owner)) {
		rows_written(f);
		rows_admit(f, out);
	}
	return 0;
}

int flush_write(struct flush *f, enum flush_claim claim, struct flush_outcome *out, struct err *err)
{
	int rc = 0;

	journal_swap(f);
	plan_make(&f->plan, f->journal, f->o.readers, claim);
	if (f->plan.partitions.n > 0) {
		rc = plan_write(f, claim != CLAIM_NOTHING, out, err);
		owner_tx_reset(f->o.tx);
	}
	deliveries_release(f->journal);
	journal_clear(f->journal);
	plan_clear(&f->plan);
	items_clear(&f->claimed);
	return rc;
}
