/* A settlement's transaction; see settlement.h. */
#include "webhook-dispatcher/settlement_private.h"

#include <stdlib.h>

#include "base/failpoint.h"
#include "store/webhook_attempts.h"
#include "webhook-dispatcher/dispatcher.h"

static size_t included_numbers(const struct settlement *s, struct arena *a, int32_t **out)
{
	*out = ARENA_ARRAY(a, int32_t, s->included.n + 1);
	for (size_t i = 0; i < s->included.n; i++)
		(*out)[i] = ITEMS(&s->included, struct partition *)[i]->number;
	return s->included.n;
}

static int endpoints_write(const struct settlement *s, struct dispatcher *d, const int32_t *partitions, size_t n,
	struct err *err)
{
	struct endpoint_key *live = ARENA_ARRAY(owner_tx_arena(d->tx), struct endpoint_key, s->endpoints.n + 1);
	struct endpoint_key *gone = ARENA_ARRAY(owner_tx_arena(d->tx), struct endpoint_key, s->endpoints.n + 1);
	size_t n_live = 0, n_gone = 0;

	for (size_t i = 0; i < s->endpoints.n; i++) {
		const struct endpoint_news *news = &ITEMS(&s->endpoints, struct endpoint_news)[i];

		if (news->deleted)
			gone[n_gone++] = news->key;
		else
			live[n_live++] = news->key;
	}
	if (retries_release_endpoints(owner_tx_pg(d->tx), partitions, n, live, n_live, err) < 0)
		return -1;
	if (retries_abandon(owner_tx_pg(d->tx), partitions, n, gone, n_gone, err) < 0)
		return -1;
	return positions_forget(owner_tx_pg(d->tx), str_of(d->chat_event_topic), partitions, n, gone, n_gone, err);
}

static int replays_write(const struct settlement *s, struct dispatcher *d, struct err *err)
{
	struct pg *pg = owner_tx_pg(d->tx);
	struct str topic = str_of(d->chat_event_topic);

	if (replay_positions_write(pg, topic, ITEMS(&s->replay_positions, struct replay_position),
		    s->replay_positions.n, err) < 0)
		return -1;
	return replays_finish(pg, "webhook-dispatcher", topic, ITEMS(&s->replays_through, int64_t),
		s->replays_through.n, err);
}

static void claimed_keep(void *ctx, const struct retry_row *row)
{
	struct retry_row *kept = ITEMS_ADD((struct items *)ctx, struct retry_row);

	*kept = *row;
	if (uuid_is_nil(&kept->ordering_key)) /* it waits for none: a chain of its own */
		kept->ordering_key = kept->event_id;
}

/* How many more may be under way. What waits in memory for its endpoint takes no room from others: each has its own there. Always a few:
 * where new events fill everything, retries need their turn, too. */
static int claim_room(const struct dispatcher_settings *s, size_t flying)
{
	int64_t room = s->max_in_flight - (int64_t)flying;
	int64_t few = s->claim_max < s->max_in_flight ? s->claim_max : s->max_in_flight;

	return (int)(room > few ? room : few);
}

/* Where many workspaces take turns and most have little, one that has more due gets less than it could: a quarter may be more. */
static int rows_claim(struct dispatcher *d, const int32_t *partitions, size_t n, struct items *claimed, struct err *err)
{
	int limit = (int)d->settings->claim_max, room = claim_room(d->settings, dispatcher_in_flight(d));

	if (retries_claim(owner_tx_pg(d->tx), d->name, partitions, n, limit, room, d->settings->lease_ms,
		    owner_tx_arena(d->tx), claimed_keep, claimed, err) < 0)
		return -1;
	d->more_due = claimed->n * 4 >= (size_t)(room < limit ? room : limit);
	return 0;
}

/* Where most of it had to go back, what is due is not what can be done: that is looked for now and then. */
static void rows_take(struct dispatcher *d, const struct items *claimed)
{
	size_t put_off = due_rows_take(d, ITEMS(claimed, struct retry_row), claimed->n);

	d->more_due = d->more_due && put_off * 2 <= claimed->n;
}

static int statements_run(struct settlement *s, struct dispatcher *d, struct items *claimed, bool claim,
	const int32_t *partitions, size_t n, struct err *err)
{
	struct pg *pg = owner_tx_pg(d->tx);
	struct str topic = str_of(d->chat_event_topic);

	if (retries_insert(pg, d->name, ITEMS(&s->rows, struct retry_row), s->rows.n, err) < 0 ||
		retries_settle(pg, ITEMS(&s->results, struct retry_result), s->results.n, err) < 0 ||
		retries_release(pg, ITEMS(&s->releases, struct retry_key), s->releases.n, err) < 0 ||
		positions_write(pg, topic, ITEMS(&s->positions, struct position_row), s->positions.n, err) < 0 ||
		replays_write(s, d, err) < 0 || endpoints_write(s, d, partitions, n, err) < 0 ||
		attempts_insert(pg, ITEMS(&s->attempts, struct attempt_row), s->attempts.n, err) < 0 ||
		settlement_tell_findings(s, d, err) < 0 || settlement_tell_dead(s, d, err) < 0)
		return -1;
	return claim ? rows_claim(d, partitions, n, claimed, err) : 0;
}

static int include_all(const struct settlement *s, struct dispatcher *d, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < s->included.n; i++) {
		struct partition *p = ITEMS(&s->included, struct partition *)[i];

		p->included = false;
		if (rc == 0)
			rc = owner_tx_include(d->tx, chat_event_partition(p->number), err);
	}
	return rc;
}

static void spills_written(struct settlement *s)
{
	const struct retry_row *rows = ITEMS(&s->rows, struct retry_row);

	for (size_t i = 0; i < s->spills.n; i++) {
		struct delivery *d = ITEMS(&s->spills, struct delivery *)[i];

		if (!d->lane)
			continue;
		d->row = rows[i].id;
		*map_slot(d->lane->partition->by_row, (struct str){ (const char *)&d->row, sizeof(d->row) }) = d;
	}
}

/* An event that has a row already, of an earlier time, needs no second one. */
static void rows_written(const struct settlement *s, struct dispatcher *d)
{
	for (size_t i = s->spills.n; i < s->rows.n; i++) { /* one that is under way took the earlier row over */
		const struct retry_row *row = &ITEMS(&s->rows, struct retry_row)[i];
		struct partition *p = dispatcher_partition(d, row->partition);
		struct endpoint *e = directory_find(d->directory, row->endpoint_id);
		struct chain *c = p && e && !row->inserted
			? map_get(partition_lane(p, e)->chains, uuid_bytes(&row->ordering_key))
			: NULL;

		if (!c)
			continue;
		chain_drop_row(c);
		chain_settle(c);
	}
}

int settlement_write(struct settlement *s, struct dispatcher *d, bool claim, struct err *err)
{
	uint64_t generation = owner_generation(d->owner);
	struct items claimed = { 0 };
	int32_t *partitions;
	size_t n;
	int rc = -1;

	settlement_plan(s, d, claim);
	if (s->included.n == 0) {
		settlement_clear(s);
		return 0;
	}
	n = included_numbers(s, s->arena, &partitions);
	if (include_all(s, d, err) < 0)
		goto out;
	(void)failpoint("settle_begin");
	if (owner_tx_begin(d->tx, err) < 0)
		goto out;
	for (size_t i = 0; i < s->steps.n; i++) {
		const struct step *step = &ITEMS(&s->steps, struct step)[i];

		owner_tx_advance(d->tx, chat_event_partition(step->partition), step->from, step->to, step->counts);
	}
	(void)failpoint("settle_locked");
	if (statements_run(s, d, &claimed, claim, partitions, n, err) < 0)
		goto out;
	(void)failpoint("settle_commit");
	if (owner_tx_commit(d->tx, err) < 0)
		goto out;
	(void)failpoint("settle_committed");
	spills_written(s);
	d->rows_released = d->rows_released || s->releases.n > 0;
	if (generation == owner_generation(d->owner)) {
		rows_written(s, d);
		rows_take(d, &claimed);
	}
	rc = 0;
out:
	owner_tx_reset(d->tx);
	settlement_clear(s);
	free(claimed.at);
	return rc;
}
