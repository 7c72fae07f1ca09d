/* Rows of the retry queue that were taken up: admitted, put off, or ended; see flow.h. */
#include "base/clock.h"
#include "base/log.h"
#include "webhook-dispatcher/dispatcher.h"
#include "webhook-dispatcher/settlement.h"

#define POSTPONE_MS   5000  /* a due row whose endpoint has enough to do */
#define UNREADABLE_MS 60000 /* a row that this version cannot read */

static void row_drop(struct partition *p, struct endpoint *e, const struct retry_row *row)
{
	struct chain *c = e ? lane_chain(partition_lane(p, e), &row->ordering_key) : NULL;

	settlement_give_back(p->d->filling, row, RETRY_FAILED, 0, row->dropped ? NULL : "the endpoint was deleted");
	if (c && c->rows > 0)
		chain_drop_row(c);
	if (c)
		chain_settle(c);
}

/* What is before it in its chain is in memory: it comes after that. */
static bool chain_is_taken_up(const struct lane *l, const struct uuid *key)
{
	const struct chain *c = map_get(l->chains, uuid_bytes(key));

	return c && (c->busy || c->wanted > 0 || !TAILQ_EMPTY(&c->waiting));
}

/* 0: now; else when to try again. */
static int64_t lane_delay_ms(const struct lane *l, const struct retry_row *row)
{
	int64_t now = clock_mono_ms();

	if (!l->endpoint->live)
		return RETRY_WAITS;
	if (chain_is_taken_up(l, &row->ordering_key))
		return 0;
	if (pace_is_paused(&l->pace, now))
		return l->pace.paused_until - now;
	return l->waiting + l->wanted < (size_t)l->partition->d->settings->endpoint_waiting ? 0 : POSTPONE_MS;
}

/* 0: it was admitted; else when to try again. */
static int64_t row_admit(struct partition *p, struct endpoint *e, const struct retry_row *row)
{
	struct dispatcher *d = p->d;
	struct lane *l = partition_lane(p, e);
	int64_t delay_ms = lane_delay_ms(l, row);
	struct reading r;
	struct event *event;
	struct chain *c;
	struct err err;

	if (delay_ms != 0)
		return delay_ms;
	c = lane_chain(l, &row->ordering_key);
	if (!row->record.p || c->wanted > 0) { /* in order */
		refetch_add(p, c, row);
		return 0;
	}
	arena_reset(d->reading);
	if (event_reread(row->record, row->partition, row->offset, row->timestamp_ms, d->reading, &r, &err) < 0) {
		log_error("row of the retry queue cannot be read", LOG_I("row", row->id), LOG_ERR(&err));
		return UNREADABLE_MS;
	}
	event = event_keep(&r, true);
	lane_admit_row(l, event, row);
	event_unref(event);
	return 0;
}

struct chain_key {
	int64_t endpoint_id;
	struct uuid ordering_key;
};

/* Of a chain whose first row has to wait the others do, too: `put_off` has those chains. False: it went back. */
static bool row_take(struct dispatcher *d, const struct retry_row *row, struct map *put_off)
{
	struct partition *p = dispatcher_partition(d, row->partition);
	struct endpoint *e = directory_find(d->directory, row->endpoint_id);
	const struct chain_key key = { row->endpoint_id, row->ordering_key };
	const struct str chain = { (const char *)&key, sizeof(key) };
	int64_t delay_ms;

	if (!p || map_get(p->by_row, (struct str){ (const char *)&row->id, sizeof(row->id) }))
		return true; /* somebody else's by now, or under way: its lease was renewed */
	if (row->dropped || !e || e->row.deleted) {
		row_drop(p, e, row);
		return true;
	}
	delay_ms = map_get(put_off, chain) ? RETRY_WAITS : row_admit(p, e, row);
	if (delay_ms == 0)
		return true;
	*map_slot(put_off, chain) = d;
	settlement_give_back(d->filling, row, RETRY_PENDING, delay_ms, NULL);
	return false;
}

size_t due_rows_take(struct dispatcher *d, const struct retry_row *rows, size_t n)
{
	struct map *put_off = map_new();
	size_t back = 0;

	for (size_t i = 0; i < n; i++)
		back += !row_take(d, &rows[i], put_off);
	map_free(put_off);
	return back;
}
