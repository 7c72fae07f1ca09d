/* Lanes of partitions that were acquired; see private.h. Invariant: an id in in_flight of which this process knows nothing is recovered in the
 * commit that removes it; so is one that this process marked before another owner may have had the partition. */
#include "campaign-sender/commit/private.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "campaign-sender/lanes/schedule.h"

#define RELEASE_ROWS     1000
#define RELEASE_EVERY_MS 60000 /* single messages whose predecessor a status has ended */

struct lanes_read {
	struct send_lane *rows;
	size_t n, cap;
	struct arena *arena;
};

static void lane_add(void *ctx, const struct send_lane *lane)
{
	struct lanes_read *l = ctx;

	l->rows = vec_grow_in(l->arena, l->rows, l->n, &l->cap, sizeof(*l->rows));
	l->rows[l->n++] = *lane;
}

int32_t *partitions_owned(struct flush *f, size_t *n)
{
	size_t all;
	const struct topic_partition *owned = owner_partitions(f->o.owner, f->arena, &all);
	int32_t *out = ARENA_ARRAY(f->arena, int32_t, all + 1);

	*n = 0;
	for (size_t i = 0; i < all; i++)
		if (owned[i].topic == f->o.shared->outbound)
			out[(*n)++] = owned[i].number;
	return out;
}

int lanes_load_accounts(struct flush *f, struct err *err)
{
	size_t cap = map_count(f->o.lanes->workspaces), n = 0;
	int64_t *ids = ARENA_ARRAY(f->arena, int64_t, cap + 1);
	void *value = NULL;
	struct str key;

	for (size_t i = 0; n < cap && map_each(f->o.lanes->workspaces, &i, &key, &value);)
		ids[n++] = ((const struct workspace *)value)->id;
	return account_cache_load(f->o.shared->accounts, owner_tx_pg(f->tx), ids, n, err);
}

void lane_update_account(struct flush *f, struct lane *lane)
{
	const struct account *a =
		account_cache_find(f->o.shared->accounts, lane->row.workspace_id, lane->row.account_id);
	struct lane_account now = { 0 };

	if (a) {
		now.usable = account_state(a, f->now_us) == ACCOUNT_USABLE;
		now.limits = a->limits;
	} else {
		now.limits.max_in_flight = 1; /* deleted: nothing is sent */
	}
	lane_account(lane, &now, f->now_us, f->now_ms);
}

static bool in_doubt(const struct flush *f, const struct send_lane *row, int64_t id)
{
	const struct doubt doubt = { row->account_id, id, f->epochs[row->partition] - 1 };

	return map_get(f->doubtful, doubt_key(&doubt));
}

void flush_update_accounts(struct flush *f)
{
	struct lane *lane;

	f->now_ms = clock_mono_ms();
	f->now_us = clock_now_us();
	TAILQ_FOREACH (lane, &f->o.lanes->all, in_lanes)
		if (account_cache_find(f->o.shared->accounts, lane->row.workspace_id, lane->row.account_id))
			lane_update_account(f, lane);
}

struct recovery {
	struct flush *flush;
	struct send_lost *lost;
	size_t n, cap;
	struct send_recovered *unknown;
	size_t n_unknown, cap_unknown;
};

static void lost_add(struct recovery *r, const struct send_lane *row)
{
	struct flush *f = r->flush;

	for (size_t i = 0; i < row->n_in_flight; i++) {
		if (lanes_knows(f->o.lanes, row->account_id, row->in_flight[i]))
			continue;
		r->lost = vec_grow_in(f->arena, r->lost, r->n, &r->cap, sizeof(*r->lost));
		r->lost[r->n++] = (struct send_lost){ row->workspace_id, row->in_flight[i], row->account_id,
			row->partition, !in_doubt(f, row, row->in_flight[i]) };
	}
}

static void unknown_add(void *ctx, const struct send_recovered *row)
{
	struct recovery *r = ctx;

	r->unknown = vec_grow_in(r->flush->arena, r->unknown, r->n_unknown, &r->cap_unknown, sizeof(*r->unknown));
	r->unknown[r->n_unknown++] = *row;
}

static int lost_cmp(const void *va, const void *vb)
{
	const struct send_lost *a = va, *b = vb;

	if (a->workspace_id != b->workspace_id)
		return a->workspace_id < b->workspace_id ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

/* Of Meta, a status finds the message by what Dispatch has parked. */
static int unknown_emit(struct flush *f, const struct recovery *r, struct err *err)
{
	struct campaign_key *keys = ARENA_ARRAY(f->arena, struct campaign_key, r->n_unknown + 1);
	size_t n = 0;

	for (size_t i = 0; i < r->n_unknown; i++)
		if (r->unknown[i].campaign_id)
			keys[n++] = (struct campaign_key){ r->unknown[i].workspace_id, r->unknown[i].campaign_id };
	if (n > 0 && campaign_cache_load(f->o.shared->campaigns, owner_tx_pg(f->tx), keys, n, err) < 0)
		return -1;
	for (size_t i = 0; i < r->n_unknown; i++) {
		const struct send_recovered *row = &r->unknown[i];
		const struct send_lost *lost = &r->lost[row->place];
		const struct account *a =
			account_cache_find(f->o.shared->accounts, lost->workspace_id, lost->account_id);

		if (a && a->from.provider == PROVIDER_META)
			dispatch_unknown(f, a, row, lost->slot);
	}
	return 0;
}

static int lost_recover(struct flush *f, struct recovery *r, struct err *err)
{
	if (r->n == 0)
		return 0;
	qsort(r->lost, r->n, sizeof(*r->lost), lost_cmp);
	if (store_sends_recover(owner_tx_pg(f->tx), r->lost, r->n,
		    settlement_first_look_ms(BRIDGE_BLAZZ, f->o.shared->settings->unknown_after_ms), f->arena,
		    unknown_add, r, err) < 0)
		return -1;
	log_warn("requests of a former owner in flight: their outcome is unknown", LOG_I("messages", r->n_unknown),
		LOG_I("due_again", r->n - r->n_unknown));
	return unknown_emit(f, r, err);
}

static int addresses_release(struct flush *f, const struct lanes_read *l, struct err *err)
{
	struct send_lane_id *ids = ARENA_ARRAY(f->arena, struct send_lane_id, l->n + 1);

	for (size_t i = 0; i < l->n; i++)
		ids[i] = (struct send_lane_id){ l->rows[i].workspace_id, l->rows[i].account_id };
	return l->n > 0 ? store_sends_release_lanes(owner_tx_pg(f->tx), ids, l->n, RELEASE_ROWS, err) : 0;
}

static bool was_acquired(const struct flush *f, const struct send_lane *row)
{
	for (size_t i = 0; i < f->n_acquired; i++)
		if (f->acquired[i] == row->partition)
			return true;
	return false;
}

int acquire_run(struct flush *f, struct err *err)
{
	struct lanes_read read = { .arena = f->arena };
	struct recovery recovery = { .flush = f };
	size_t n;
	const int32_t *partitions = partitions_owned(f, &n);
	bool recovers = f->n_acquired > 0 || f->now_ms >= f->release_at_ms;
	struct lane *lane;

	if (store_send_lanes_read(owner_tx_pg(f->tx), partitions, n, f->arena, lane_add, &read, err) < 0 ||
		flush_owns(f, err) < 0)
		return -1;
	for (size_t i = 0; i < read.n; i++) {
		const struct send_lane *row = &read.rows[i];

		(void)lanes_open(f->o.lanes, row, f->now_ms);
		if (was_acquired(f, row))
			lost_add(&recovery, row);
		if (recovers)
			concerned_add_lane(f, row->workspace_id, row->account_id, row->partition);
	}
	if (lanes_load_accounts(f, err) < 0 || flush_owns(f, err) < 0)
		return -1;
	TAILQ_FOREACH (lane, &f->o.lanes->all, in_lanes)
		lane_update_account(f, lane);
	if (!recovers)
		return 0;
	f->release_at_ms = f->now_ms + RELEASE_EVERY_MS;
	if (concerned_lock(f, err) < 0 || lost_recover(f, &recovery, err) < 0 || addresses_release(f, &read, err) < 0)
		return -1;
	for (size_t i = 0; i < recovery.n; i++)
		if ((lane = lanes_find(f->o.lanes, recovery.lost[i].account_id)))
			lane_mark_changed(lane);
	return flush_owns(f, err);
}

static struct tenure *tenure_of(struct flush *f, int32_t partition)
{
	while (f->n_tenures <= (size_t)partition) {
		f->tenures = vec_grow(f->tenures, f->n_tenures, &f->cap_tenures, sizeof(*f->tenures));
		f->tenures[f->n_tenures++] = (struct tenure){ 0 };
	}
	return &f->tenures[partition];
}

void flush_acquired(struct flush *f, int32_t partition, int64_t epoch)
{
	struct tenure *t = tenure_of(f, partition);

	if (epoch != t->last + 1)
		t->first = epoch;
	t->last = epoch;
	lanes_disown(f->o.lanes, partition, t->first);
	f->acquired = vec_grow(f->acquired, f->n_acquired, &f->cap_acquired, sizeof(*f->acquired));
	f->acquired[f->n_acquired++] = partition;
	f->lanes_stale = f->segments_stale = f->told = true;
}
