/* What is in flight, limits and cursors; see private.h. Invariants: an id leaves in_flight in the commit that writes its result; a lane and its
 * segments are written under the lock of the lane only. Those that change while the transaction waits are written by the next one: to lock
 * them now would break the order of locks, and the driver, which makes rows of a segment due, relies on the lock. */
#include "campaign-sender/commit/private.h"

#include "campaign-sender/lanes/schedule.h"

/* Without those whose results this transaction writes. */
static void in_flight_reduce(const struct flush *f, struct send_lane *row)
{
	int64_t *ids = ARENA_ARRAY(f->arena, int64_t, row->n_in_flight + 1);
	size_t n = 0;

	for (size_t i = 0; i < row->n_in_flight; i++)
		if (!results_has(f, row->workspace_id, row->in_flight[i]))
			ids[n++] = row->in_flight[i];
	row->in_flight = ids;
	row->n_in_flight = n;
}

static bool is_locked(const struct flush *f, int64_t workspace_id, int64_t account_id, int32_t partition)
{
	return f->included[partition] && concerned_has(f, workspace_id, account_id);
}

static size_t lanes_keep(struct flush *f, struct send_lane *rows, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (!is_locked(f, rows[i].workspace_id, rows[i].account_id, rows[i].partition)) {
			lane_mark_changed(lanes_find(f->o.lanes, rows[i].account_id));
			continue;
		}
		in_flight_reduce(f, &rows[i]);
		rows[kept++] = rows[i];
	}
	return kept;
}

static size_t segments_keep(struct flush *f, struct campaign_segment *rows, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (is_locked(f, rows[i].workspace_id, rows[i].account_id, rows[i].partition))
			rows[kept++] = rows[i];
		else
			segment_mark_changed(lane_find_segment(lanes_find(f->o.lanes, rows[i].account_id),
				rows[i].campaign_id, rows[i].segment));
	}
	return kept;
}

int flush_mark(struct flush *f, struct err *err)
{
	struct pg *pg = owner_tx_pg(f->tx);
	struct campaign_segment *segments;
	struct send_lane *lanes;
	size_t n_lanes = lanes_changed(f->o.lanes, f->arena, &lanes);
	size_t n_segments = lanes_changed_segments(f->o.lanes, f->arena, &segments);

	n_lanes = lanes_keep(f, lanes, n_lanes);
	n_segments = segments_keep(f, segments, n_segments);
	if (store_send_lanes_write(pg, lanes, n_lanes, err) < 0 ||
		store_campaign_segments_write(pg, segments, n_segments, err) < 0 ||
		store_sends_release(pg, f->released.rows, f->released.n, err) < 0 ||
		store_sends_notify(pg, f->notified.rows, f->notified.n, err) < 0)
		return -1;
	return flush_owns(f, err);
}
