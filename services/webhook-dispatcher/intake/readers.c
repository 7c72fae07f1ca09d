/* See readers.h. Invariant: a change of an endpoint reaches its lane in every acquired partition. */
#include "webhook-dispatcher/intake/readers.h"

#include "base/clock.h"
#include "webhook-dispatcher/lanes/lane_state.h"
#include "webhook-dispatcher/lanes/partition.h"

struct reader *readers_each(const struct readers *rs, size_t *i)
{
	while (*i < rs->n && !rs->at[*i])
		++*i;
	return *i < rs->n ? rs->at[(*i)++] : NULL;
}

struct reader *readers_find(const struct readers *rs, int32_t partition)
{
	return partition >= 0 && (size_t)partition < rs->n ? rs->at[partition] : NULL;
}

struct partition *readers_partition(const struct readers *rs, int32_t number)
{
	struct reader *r = readers_find(rs, number);

	return r ? &r->partition : NULL;
}

struct endpoint *readers_endpoint(struct readers *rs, struct endpoint_key key)
{
	struct endpoint *e = endpoint_cache_find(rs->endpoints, key.endpoint_id);

	if (!e)
		journal_add_endpoint(rs->lanes->journal, key, true);
	return e;
}

void readers_endpoint_changed(struct readers *rs, struct endpoint *e)
{
	const struct endpoint_key key = { e->row.workspace_id, e->row.id };
	struct reader *r;
	size_t i = 0;

	while ((r = readers_each(rs, &i))) {
		int64_t now = clock_mono_ms();

		lane_endpoint_changed(partition_lane(&r->partition, e, now), now);
	}
	if (e->live || e->row.deleted)
		journal_add_endpoint(rs->lanes->journal, key, e->row.deleted);
}
