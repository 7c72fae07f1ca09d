/* See settlement.h. What waits here turns the event loop: records are read, requests end, and partitions may be revoked meanwhile. */
#include "webhook-dispatcher/commit/settlement.h"

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

struct settlement {
	struct settlement_options o;
	struct journal *journal; /* that is being written; else empty */
	struct plan plan;
	struct items claimed; /* struct retry_row */
};

struct settlement *settlement_new(const struct settlement_options *options)
{
	struct settlement *s = mem_calloc(1, sizeof(*s));

	s->o = *options;
	s->journal = journal_new();
	return s;
}

void settlement_free(struct settlement *s)
{
	if (!s)
		return;
	journal_free(s->journal);
	plan_fini(&s->plan);
	items_fini(&s->claimed);
	free(s);
}

static int endpoints_write(struct settlement *s, const int32_t *partitions, size_t n, struct err *err)
{
	const struct items *endpoints = &s->journal->endpoints;
	struct arena *a = owner_tx_arena(s->o.tx);
	struct endpoint_key *live = ARENA_ARRAY(a, struct endpoint_key, endpoints->n + 1);
	struct endpoint_key *gone = ARENA_ARRAY(a, struct endpoint_key, endpoints->n + 1);
	struct pg *pg = owner_tx_pg(s->o.tx);
	size_t n_live = 0, n_gone = 0;

	for (size_t i = 0; i < endpoints->n; i++) {
		const struct endpoint_news *news = &ITEMS(endpoints, struct endpoint_news)[i];

		if (news->deleted)
			gone[n_gone++] = news->key;
		else
			live[n_live++] = news->key;
	}
	if (retries_release_endpoints(pg, partitions, n, live, n_live, err) < 0 ||
		retries_abandon(pg, partitions, n, gone, n_gone, err) < 0)
		return -1;
	return positions_forget(pg, str_of(s->o.readers->topic), partitions, n, gone, n_gone, err);
}

static int replays_write(struct settlement *s, struct err *err)
{
	struct str topic = str_of(s->o.readers->topic);
	struct pg *pg = owner_tx_pg(s->o.tx);
	const struct plan *p = &s->plan;

	if (replay_positions_write(pg, topic, ITEMS(&p->replay_positions, struct replay_position),
		    p->replay_positions.n, err) < 0)
		return -1;
	return replays_finish(pg, "webhook-dispatcher", topic, ITEMS(&p->replays_through, int64_t),
		p->replays_through.n, err);
}

static void claimed_keep(void *ctx, const struct retry_row *row)
{
	struct retry_row *kept = ITEMS_ADD((struct items *)ctx, struct retry_row);

	*kept = *row;
	if (uuid_is_nil(&kept->ordering_key)) /* it waits for none: a chain of its own */
		kept->ordering_key = kept->event_id;
}

/* How many more may be in flight. What waits in memory for its endpoint takes no room from others: each has its own there. Always a few:
 * where new events fill everything, retries need their turn, too. */
static int claim_room(const struct dispatcher_settings *s, size_t in_flight)
{
	int64_t room = s->max_in_flight - (int64_t)in_flight;
	int64_t few = s->claim_max < s->max_in_flight ? s->claim_max : s->max_in_flight;

	return (int)(room > few ? room : few);
}

/* Where many workspaces take turns and most have little, one that has more due gets less than it could: a quarter may be more. */
static int rows_claim(struct settlement *s, struct settlement_outcome *out, struct err *err)
{
	const struct dispatcher_settings *settings = s->o.settings;
	int limit = (int)settings->claim_max;
	int room = claim_room(settings, send_queue_in_flight(s->o.readers->lanes));

	if (retries_claim(owner_tx_pg(s->o.tx), s->o.replica, ITEMS(&s->plan.partitions, int32_t), s->plan.partitions.n,
		    limit, room, settings->lease_ms, owner_tx_arena(s->o.tx), claimed_keep, &s->claimed, err) < 0)
		return -1;
	out->more_due = s->claimed.n * 4 >= (size_t)(room < limit ? room : limit);
	return 0;
}

/* If most claimed rows were postponed, no more are claimed at once. */
static void rows_take(struct settlement *s, struct settlement_outcome *out)
{
	size_t postponed = due_rows_take(s->o.readers, ITEMS(&s->claimed, struct retry_row), s->claimed.n);

	out->more_due = out->more_due && postponed * 2 <= s->claimed.n;
}

static int statements_run(struct settlement *s, struct err *err)
{
	struct str topic = str_of(s->o.readers->topic);
	struct pg *pg = owner_tx_pg(s->o.tx);
	struct journal *j = s->journal;
	struct plan *p = &s->plan;

	if (retries_insert(pg, s->o.replica, ITEMS(&p->rows, struct retry_row), p->rows.n, err) < 0 ||
		retries_settle(pg, ITEMS(&p->results, struct retry_result), p->results.n, err) < 0 ||
		retries_release(pg, ITEMS(&p->releases, struct retry_key), p->releases.n, err) < 0 ||
		positions_write(pg, topic, ITEMS(&p->positions, struct position_row), p->positions.n, err) < 0 ||
		replays_write(s, err) < 0 ||
		endpoints_write(s, ITEMS(&p->partitions, int32_t), p->partitions.n, err) < 0 ||
		attempts_insert(pg, ITEMS(&j->attempts, struct attempt_row), j->attempts.n, err) < 0)
		return -1;
	return emit_findings(s->o.tx, j, topic, err) < 0 ? -1 : emit_dead(s->o.tx, j, err);
}

static int transaction_begin(struct settlement *s, struct err *err)
{
	for (size_t i = 0; i < s->plan.partitions.n; i++)
		if (owner_tx_include(s->o.tx, chat_event_partition(ITEMS(&s->plan.partitions, int32_t)[i]), err) < 0)
			return -1;
	(void)failpoint("settle_begin");
	if (owner_tx_begin(s->o.tx, err) < 0)
		return -1;
	for (size_t i = 0; i < s->plan.steps.n; i++) {
		const struct step *step = &ITEMS(&s->plan.steps, struct step)[i];

		owner_tx_advance(s->o.tx, chat_event_partition(step->partition), step->from, step->to, step->counts);
	}
	(void)failpoint("settle_locked");
	return 0;
}

static void spills_written(struct settlement *s)
{
	const struct retry_row *rows = ITEMS(&s->plan.rows, struct retry_row);

	for (size_t i = 0; i < s->journal->spills.n; i++) {
		struct delivery *d = ITEMS(&s->journal->spills, struct delivery *)[i];

		if (d->lane)
			delivery_set_row(d, rows[i].id);
	}
}

/* An event that has a row already, of an earlier time, needs no second one; one that is in flight took the earlier row over. */
static void rows_written(struct settlement *s)
{
	for (size_t i = s->journal->spills.n; i < s->plan.rows.n; i++) {
		const struct retry_row *row = &ITEMS(&s->plan.rows, struct retry_row)[i];
		struct partition *p = readers_partition(s->o.readers, row->partition);
		struct endpoint *e = directory_find(s->o.readers->directory, row->endpoint_id);
		int64_t now = clock_mono_ms();
		struct chain *c =
			p && e && !row->inserted ? chain_find(partition_lane(p, e, now), &row->ordering_key) : NULL;

		if (!c)
			continue;
		chain_drop_row(c);
		lane_update(c, now);
	}
}

static void journal_swap(struct settlement *s)
{
	struct lane_shared *lanes = s->o.readers->lanes;
	struct journal *full = lanes->journal;

	lanes->journal = s->journal;
	s->journal = full;
}

static int plan_write(struct settlement *s, bool claim, struct settlement_outcome *out, struct err *err)
{
	uint64_t generation = owner_generation(s->o.owner);

	if (transaction_begin(s, err) < 0 || statements_run(s, err) < 0 || (claim && rows_claim(s, out, err) < 0))
		return -1;
	(void)failpoint("settle_commit");
	if (owner_tx_commit(s->o.tx, err) < 0)
		return -1;
	(void)failpoint("settle_committed");
	spills_written(s);
	out->rows_released = out->rows_released || s->plan.releases.n > 0;
	if (generation == owner_generation(s->o.owner)) {
		rows_written(s);
		rows_take(s, out);
	}
	return 0;
}

int settlement_write(struct settlement *s, enum settlement_claim claim, struct settlement_outcome *out, struct err *err)
{
	int rc = 0;

	journal_swap(s);
	plan_make(&s->plan, s->journal, s->o.readers, claim);
	if (s->plan.partitions.n > 0) {
		rc = plan_write(s, claim != CLAIM_NOTHING, out, err);
		owner_tx_reset(s->o.tx);
	}
	deliveries_release(s->journal);
	journal_clear(s->journal);
	plan_clear(&s->plan);
	items_clear(&s->claimed);
	return rc;
}
