/* See acquire.h. Invariant: the state of a partition is loaded from PostgreSQL before its first record is read. */
#include "webhook-dispatcher/intake/acquire.h"

#include <stdlib.h>

#include "base/clock.h"
#include "webhook-dispatcher/intake/replay.h"
#include "webhook-dispatcher/lanes/chain.h"
#include "webhook-dispatcher/lanes/lane_state.h"
#include "webhook-dispatcher/lanes/partition.h"

static void position_load(void *ctx, const struct position_row *row)
{
	struct readers *rs = ctx;
	struct partition *p = readers_partition(rs, row->partition);
	struct endpoint *e = readers_endpoint(rs, (struct endpoint_key){ row->workspace_id, row->endpoint_id });

	if (p && e)
		lane_load_position(partition_lane(p, e, clock_mono_ms()), row);
}

static void rows_load(void *ctx, const struct retry_count *count)
{
	struct readers *rs = ctx;
	struct partition *p = readers_partition(rs, count->partition);
	struct endpoint *e = readers_endpoint(rs, (struct endpoint_key){ count->workspace_id, count->endpoint_id });
	struct chain *c;

	/* No row waits behind one without a key: such a row is counted when it is claimed. */
	if (!p || !e || uuid_is_nil(&count->ordering_key))
		return;
	c = chain_ensure(partition_lane(p, e, clock_mono_ms()), &count->ordering_key);
	for (int64_t i = 0; i < count->rows; i++)
		chain_add_row(c, count->last_offset);
}

static void readers_open(struct readers *rs, const struct progress *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((size_t)rows[i].partition >= rs->n)
			rs->n = (size_t)rows[i].partition + 1;
	rs->at = mem_calloc(rs->n + 1, sizeof(*rs->at));
	for (size_t i = 0; i < n; i++)
		rs->at[rows[i].partition] = reader_new(rs, rows[i].partition, rows[i].next_offset);
}

int partitions_acquire(struct readers *rs, struct pg *pg, const struct progress *rows, size_t n, struct err *err)
{
	int32_t *numbers = mem_calloc(n + 1, sizeof(*numbers));
	struct endpoint *e;
	size_t i = 0;
	int rc = -1;

	for (size_t k = 0; k < n; k++)
		numbers[k] = rows[k].partition;
	readers_open(rs, rows, n);
	while ((e = endpoint_cache_each(rs->endpoints, &i)))
		if (!e->live && !e->row.deleted)
			readers_endpoint_changed(rs, e);
	if (store_positions_read(pg, str_of(rs->topic), numbers, n, position_load, rs, err) < 0 ||
		store_retries_recover(pg, numbers, n, rows_load, rs, err) < 0 ||
		replays_load(rs, pg, numbers, n, err) < 0)
		goto out;
	rc = 0;
out:
	free(numbers);
	return rc;
}

void partitions_revoke(struct readers *rs)
{
	struct reader *r;
	size_t i = 0;

	while ((r = readers_each(rs, &i)))
		reader_free(r);
	free(rs->at);
	rs->at = NULL;
	rs->n = 0;
	replays_clear(rs);
}
