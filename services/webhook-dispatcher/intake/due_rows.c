/* See due_rows.h. Invariant: rows of one chain are admitted in order; after the first one that is postponed, none of them is admitted. */
#include "webhook-dispatcher/intake/due_rows.h"

#include "base/clock.h"
#include "base/log.h"
#include "webhook-dispatcher/lanes/admission.h"
#include "webhook-dispatcher/lanes/chain.h"
#include "webhook-dispatcher/lanes/partition.h"
#include "webhook-dispatcher/lanes/refetch_queue.h"

#define UNREADABLE_MS 60000 /* how long a row that this version cannot read is postponed */

static void row_drop(struct partition *p, struct endpoint *e, const struct retry_row *row)
{
	journal_add_result(p->shared->journal, row, RETRY_FAILED, 0, row->dropped ? NULL : "the endpoint was deleted");
	if (e)
		lane_drop_row(partition_lane(p, e, clock_mono_ms()), &row->ordering_key, clock_mono_ms());
}

/* Returns 0 when the row was admitted; otherwise for how long (ms) it must be postponed, or RETRY_WAITS. */
static int64_t row_admit(struct readers *rs, struct partition *p, struct endpoint *e, const struct retry_row *row)
{
	struct lane *l = partition_lane(p, e, clock_mono_ms());
	int64_t delay_ms = lane_row_delay_ms(l, &row->ordering_key, clock_mono_ms());
	struct event_record r;
	struct event *event;
	struct chain *c;
	struct err err;

	if (delay_ms != 0)
		return delay_ms;
	c = chain_ensure(l, &row->ordering_key);
	if (!row->record.p || c->refetching > 0) { /* it must not overtake a row whose event is being read again */
		refetch_queue_add(p, c, row);
		return 0;
	}
	arena_reset(rs->reading);
	if (event_reread(row->record, row->partition, row->offset, row->timestamp_ms, rs->reading, &r, &err) < 0) {
		log_error("row of the retry queue cannot be read", LOG_I("row", row->id), LOG_ERR(&err));
		return UNREADABLE_MS;
	}
	event = event_keep(&r, true);
	lane_admit_row(l, event, row, clock_mono_ms());
	event_unref(event);
	return 0;
}

struct row_chain {
	int64_t endpoint_id;
	struct uuid ordering_key;
};

/* `postponed` has the chains of which a row was postponed: further rows are postponed, too. False: the row was postponed. */
static bool row_process(struct readers *rs, const struct retry_row *row, struct map *postponed)
{
	struct partition *p = readers_partition(rs, row->partition);
	struct endpoint *e = endpoint_cache_find(rs->endpoints, row->endpoint_id);
	const struct row_chain key = { row->endpoint_id, row->ordering_key };
	const struct str chain = { (const char *)&key, sizeof(key) };
	int64_t delay_ms;
	bool returns;

	if (!p)
		return true; /* the partition was revoked */
	if (partition_has_row(p, row->id, &returns)) { /* its lease had expired; the claim has renewed it */
		if (returns)
			*map_slot(postponed, chain) = rs;
		return true;
	}
	if (row->dropped || !e || e->row.deleted) {
		row_drop(p, e, row);
		return true;
	}
	delay_ms = map_get(postponed, chain) ? RETRY_WAITS : row_admit(rs, p, e, row);
	if (delay_ms == 0)
		return true;
	*map_slot(postponed, chain) = rs;
	journal_add_result(rs->lanes->journal, row, RETRY_PENDING, delay_ms, NULL);
	return false;
}

size_t due_rows_admit(struct readers *rs, const struct retry_row *rows, size_t n)
{
	struct map *postponed = map_new();
	size_t back = 0;

	for (size_t i = 0; i < n; i++)
		back += !row_process(rs, &rows[i], postponed);
	map_free(postponed);
	return back;
}
