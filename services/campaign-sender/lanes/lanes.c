/* See lanes.h. Invariant: a workspace exists while it has a lane; each send in flight or answered is in its account's lane, or, while
 * this replica does not have that, among the orphans. */
#include "campaign-sender/lanes/lanes.h"

#include <stdlib.h>

#include "base/arena.h"
#include "campaign-sender/lanes/lane.h"
#include "campaign-sender/lanes/schedule.h"
#include "campaign-sender/lanes/send.h"

/* Of the slots, while other workspaces have messages to send. A workspace alone may have all slots but this share (pacing/share.h), so
 * there are more slots than requests may be in flight: then it has all of these. */
#define SHARE_PERCENT 33

static struct str id_key(const int64_t *id)
{
	return (struct str){ (const char *)id, sizeof(*id) };
}

void lanes_init(struct lanes *l, size_t max_in_flight, size_t max_pairs)
{
	size_t kept = 100 - SHARE_PERCENT;

	*l = (struct lanes){ .max_in_flight = max_in_flight,
		.fetch_at_ms = INT64_MAX,
		.stranded_at_ms = INT64_MAX,
		.restored_us = PG_NO_TIME };
	fair_queue_init(&l->queue, LANE_QUANTUM, (max_in_flight * 100 + kept - 1) / kept, SHARE_PERCENT);
	l->by_account = map_new();
	l->workspaces = map_new();
	l->pairs = pairs_new(max_pairs);
	TAILQ_INIT(&l->all);
	TAILQ_INIT(&l->changed);
	TAILQ_INIT(&l->changed_segments);
	TAILQ_INIT(&l->orphans);
}

void lanes_fini(struct lanes *l)
{
	struct send *s;

	lanes_clear(l);
	while ((s = TAILQ_FIRST(&l->orphans))) {
		send_remove(s);
		send_free(s);
	}
	map_free(l->by_account);
	map_free(l->workspaces);
	pairs_free(l->pairs);
}

void lanes_clear(struct lanes *l)
{
	struct lane *lane;
	struct str key;
	size_t i = 0;
	void *w;

	while ((lane = TAILQ_FIRST(&l->all)))
		lane_free(lane);
	while (map_each(l->workspaces, &i, &key, &w))
		free(w);
	map_clear(l->workspaces);
	map_clear(l->by_account);
	l->fetch_at_ms = l->stranded_at_ms = INT64_MAX;
}

static struct workspace *workspace_ensure(struct lanes *l, int64_t id)
{
	void **slot = map_slot(l->workspaces, id_key(&id));
	struct workspace *w = *slot;

	if (w)
		return w;
	*slot = w = mem_calloc(1, sizeof(*w));
	w->id = id;
	fair_tenant_init(&w->tenant);
	return w;
}

static void orphans_adopt(struct lane *lane)
{
	struct send *s, *next;

	for (s = TAILQ_FIRST(&lane->lanes->orphans); s; s = next) {
		next = TAILQ_NEXT(s, in_list);
		if (s->account_id == lane->row.account_id && !s->disowned)
			send_adopt(s, lane);
	}
}

void lanes_disown(struct lanes *l, int32_t partition, int64_t epoch)
{
	struct send *s;

	TAILQ_FOREACH (s, &l->orphans, in_list)
		s->disowned = s->disowned || (s->partition == partition && s->epoch < epoch);
}

struct lane *lanes_open(struct lanes *l, const struct send_lane *row, int64_t now_ms)
{
	struct lane *lane = lanes_find(l, row->account_id);

	if (lane) {
		lane_use_hold(lane, row);
		lane_touch(lane);
		return lane;
	}
	lane = lane_new(l, workspace_ensure(l, row->workspace_id), row);
	*map_slot(l->by_account, id_key(&row->account_id)) = lane;
	lane->unusable_since_ms = now_ms;
	lane->woken = true;
	lane_fetch_at(lane, now_ms);
	orphans_adopt(lane);
	return lane;
}

struct lane *lanes_find(const struct lanes *l, int64_t account_id)
{
	return map_get(l->by_account, id_key(&account_id));
}

bool lanes_wake(struct lanes *l, int64_t account_id, int64_t now_ms)
{
	struct lane *lane = lanes_find(l, account_id);

	if (!lane)
		return false;
	lane->woken = true;
	lane_fetch_at(lane, now_ms);
	return true;
}

bool lanes_knows(const struct lanes *l, int64_t account_id, int64_t send_id)
{
	const struct lane *lane = lanes_find(l, account_id);
	const struct send *s = lane ? lane_find_send(lane, send_id) : NULL;

	if (s)
		return s->state == SEND_IN_FLIGHT || s->state == SEND_ANSWERED;
	TAILQ_FOREACH (s, &l->orphans, in_list)
		if (s->account_id == account_id && s->row.id == send_id && !s->disowned)
			return true;
	return false;
}
