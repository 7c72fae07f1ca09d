/* Which partitions and lanes a transaction concerns; see private.h. Invariant: lanes are locked in the order of (workspace, account), before
 * any row of sends. */
#include "campaign-sender/commit/private.h"

#include <stdlib.h>

void concerned_add_lane(struct flush *f, int64_t workspace_id, int64_t account_id, int32_t partition)
{
	struct lane_keys *l = &f->lanes;

	l->rows = vec_grow(l->rows, l->n, &l->cap, sizeof(*l->rows));
	l->rows[l->n++] = (struct send_lane_key){ workspace_id, account_id, partition };
}

void concerned_include(struct flush *f, int32_t partition)
{
	const struct progress *p = partition >= 0 && partition < f->o.shared->outbound_partitions
		? owner_progress(f->o.owner, flush_partition(f, partition))
		: NULL;

	if (!p)
		return;
	f->included[partition] = true;
	f->epochs[partition] = p->epoch;
	f->any = partition;
}

static void lane_add(struct flush *f, const struct lane *lane)
{
	concerned_add_lane(f, lane->row.workspace_id, lane->row.account_id, lane->row.partition);
	concerned_include(f, lane->row.partition);
}

/* A partition for results of lanes that have moved to another replica. */
static void any_include(struct flush *f)
{
	size_t n;
	const struct topic_partition *owned = owner_partitions(f->o.owner, f->arena, &n);

	for (size_t i = 0; i < n && f->any < 0; i++)
		if (owned[i].topic == f->o.shared->outbound)
			concerned_include(f, owned[i].number);
}

void concerned_collect(struct flush *f)
{
	const struct lane *lane;
	const struct segment *s;

	for (size_t i = 0; i < f->n_written; i++) {
		const struct send_result *row = &f->written[i].row;

		concerned_add_lane(f, row->workspace_id, row->sent_by, row->slot);
		concerned_include(f, row->slot);
	}
	for (size_t i = 0; i < f->n_chosen; i++)
		lane_add(f, f->chosen[i]->lane);
	TAILQ_FOREACH (lane, &f->o.lanes->changed, in_changed)
		lane_add(f, lane);
	TAILQ_FOREACH (s, &f->o.lanes->changed_segments, in_changed)
		lane_add(f, s->lane);
	any_include(f);
}

static int key_cmp(const void *va, const void *vb)
{
	const struct send_lane_key *a = va, *b = vb;

	if (a->workspace_id != b->workspace_id)
		return a->workspace_id < b->workspace_id ? -1 : 1;
	return (a->account_id > b->account_id) - (a->account_id < b->account_id);
}

int concerned_lock(struct flush *f, struct err *err)
{
	struct lane_keys *l = &f->lanes;
	size_t n = 0;

	if (l->n == 0)
		return 0;
	qsort(l->rows, l->n, sizeof(*l->rows), key_cmp);
	for (size_t i = 0; i < l->n; i++)
		if (n == 0 || key_cmp(&l->rows[n - 1], &l->rows[i]) != 0)
			l->rows[n++] = l->rows[i];
	l->n = n;
	return store_send_lanes_lock(owner_tx_pg(f->tx), l->rows, l->n, err);
}

bool concerned_has(const struct flush *f, int64_t workspace_id, int64_t account_id)
{
	const struct send_lane_key key = { .workspace_id = workspace_id, .account_id = account_id };

	return f->lanes.n > 0 && bsearch(&key, f->lanes.rows, f->lanes.n, sizeof(key), key_cmp);
}
