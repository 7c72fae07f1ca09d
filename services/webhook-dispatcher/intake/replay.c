/* See replay.h. Invariant: a replay starts in a partition once, and keeps its position there until it has ended in all partitions. */
#include "webhook-dispatcher/intake/replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "kafka/scanner.h"
#include "webhook-dispatcher/endpoints/subscription.h"
#include "webhook-dispatcher/lanes/feed.h"
#include "webhook-dispatcher/lanes/lane.h"
#include "webhook-dispatcher/lanes/lane_state.h"
#include "webhook-dispatcher/lanes/partition.h"

#define OFFSETS_TIMEOUT_MS 2000

static struct str id_key(const int64_t *id)
{
	return (struct str){ (const char *)id, sizeof(*id) };
}

static void replay_free(struct replay *r)
{
	map_free(r->delivered);
	arena_free(r->arena);
	free(r);
}

void replays_clear(struct readers *rs)
{
	struct str key;
	void *r;
	size_t i = 0;

	while (map_each(rs->replays, &i, &key, &r))
		replay_free(r);
	map_clear(rs->replays);
}

static bool type_is_included(const struct replay_row *row, const struct chat_event *e)
{
	char type[CHAT_EVENT_TYPE_SIZE];
	struct str full = chat_event_full_type(e, type);

	for (size_t i = 0; i < row->n_event_types; i++)
		if (event_type_fits(row->event_types[i], full))
			return true;
	return row->n_event_types == 0;
}

bool replay_includes(const struct replay *r, const struct endpoint *e, const struct event_record *record)
{
	const struct chat_event *ce = &record->event;

	/* A replayed record is a copy of an earlier one of this topic. */
	if (record->replayed || record->timestamp_ms < r->row.since_us / 1000 || !endpoint_subscribes(e, ce) ||
		!type_is_included(&r->row, ce))
		return false;
	if (!uuid_is_nil(&r->row.conversation) && !uuid_eq(&r->row.conversation, &ce->conversation))
		return false;
	if (!uuid_is_nil(&r->row.event_id) && !uuid_eq(&r->row.event_id, &ce->id))
		return false;
	return !r->delivered || !map_get(r->delivered, uuid_bytes(&ce->id));
}

/* Reading */

static void delivered_add(void *ctx, const struct uuid *event)
{
	*map_slot(ctx, uuid_bytes(event)) = ctx;
}

static void replay_load(void *ctx, const struct replay_row *row)
{
	struct readers *rs = ctx;
	void **slot = map_slot(rs->replays, id_key(&row->id));
	struct replay *r = *slot;

	if (!r) {
		*slot = r = mem_calloc(1, sizeof(*r));
		r->arena = arena_new(1024);
		r->row = *row;
		r->uuid = row->uuid;
		r->row.event_types = ARENA_ARRAY(r->arena, struct str, row->n_event_types + 1);
		for (size_t i = 0; i < row->n_event_types; i++)
			r->row.event_types[i] = arena_str(r->arena, row->event_types[i]);
	}
	r->running = true;
}

/* Feeds */

static struct feed *feed_of(const struct lane *l, const struct replay *r)
{
	struct feed *f;

	TAILQ_FOREACH (f, &l->replays, in_lane)
		if (f->replay == r)
			return f;
	return NULL;
}

static struct feed *feed_add(struct readers *rs, struct partition *p, struct replay *r,
	const struct replay_position *at)
{
	struct endpoint *e = endpoint_cache_find(rs->endpoints, r->row.endpoint_id);
	struct lane *l = e ? partition_lane(p, e, clock_mono_ms()) : NULL;
	struct feed *f;

	if (!l || feed_of(l, r))
		return NULL;
	f = mem_calloc(1, sizeof(*f));
	feed_init(f, l, r, &r->uuid);
	f->rate = r->row.rate;
	f->start = at->start_offset;
	f->position = at->next_offset;
	f->begun_offset = at->next_offset - 1;
	f->until = at->until_offset;
	f->matched = at->matched;
	f->lost = at->lost;
	lane_add_feed(l, f);
	return f;
}

static void replay_end(struct readers *rs, struct replay *r)
{
	struct endpoint *e = endpoint_cache_find(rs->endpoints, r->row.endpoint_id);
	struct reader *reader;
	size_t i = 0;

	while (e && (reader = readers_each(rs, &i))) {
		struct feed *f = feed_of(partition_lane(&reader->partition, e, clock_mono_ms()), r);

		if (f)
			lane_remove_feed(f, clock_mono_ms());
	}
	map_del(rs->replays, id_key(&r->row.id));
	replay_free(r);
}

static int replay_prepare(struct pg *pg, struct replay *r, struct err *err)
{
	if (!r->row.only_missing || r->delivered)
		return 0;
	r->delivered = map_new();
	return store_replay_delivered(pg, &r->row, delivered_add, r->delivered, err);
}

/* A replay ends where the live stream begins: at the offset that is read next, or at the endpoint's position when it is behind. One of missing
 * events ends at the committed offset, because PostgreSQL does not have the attempts of later events yet. */
static int64_t replay_until(const struct lane *l, const struct replay *r)
{
	int64_t until = r->row.only_missing ? l->partition->committed : l->partition->read, next, live_from;

	if (lane_position(l, &next, &live_from) && next < until)
		until = next;
	return until < 0 ? 0 : until;
}

/* from: the first record since the start of the replay; oldest: the first record of the partition. If they are the same, the removed records
 * may have been part of the replay, because their age is unknown: they are counted as lost. */
static void replay_begin_in(struct readers *rs, struct partition *p, struct endpoint *e, struct replay *r, int64_t from,
	int64_t oldest)
{
	int64_t until = replay_until(partition_lane(p, e, clock_mono_ms()), r), start = from < until ? from : until;
	struct feed *f = feed_add(rs, p, r,
		&(struct replay_position){ .start_offset = start,
			.next_offset = start,
			.until_offset = until,
			.lost = from == oldest ? start : 0 });

	if (f)
		feed_mark_dirty(f);
}

/* Starts the replay in the partitions where it has no position yet. */
static int replay_begin(struct readers *rs, struct replay *r, struct err *err)
{
	struct endpoint *e = endpoint_cache_find(rs->endpoints, r->row.endpoint_id);
	struct kafka_position *from = mem_calloc(rs->n + 1, sizeof(*from));
	struct kafka_position *oldest = mem_calloc(rs->n + 1, sizeof(*oldest));
	struct reader *reader;
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; e && (reader = readers_each(rs, &i));)
		if (!feed_of(partition_lane(&reader->partition, e, clock_mono_ms()), r))
			from[n++].partition = reader->partition.number;
	memcpy(oldest, from, n * sizeof(*from));
	if (n > 0 &&
		(kafka_scanner_since(rs->scanner, r->row.since_us / 1000, OFFSETS_TIMEOUT_MS, from, n, err) < 0 ||
			kafka_scanner_since(rs->scanner, 0, OFFSETS_TIMEOUT_MS, oldest, n, err) < 0))
		rc = -1;
	for (size_t i = 0; rc == 0 && i < n; i++)
		replay_begin_in(rs, readers_partition(rs, from[i].partition), e, r, from[i].offset, oldest[i].offset);
	free(from);
	free(oldest);
	return rc;
}

int replays_refresh(struct readers *rs, struct pg *pg, struct err *err)
{
	struct arena *a = arena_new(4096);
	struct str key;
	void *v;
	size_t i = 0;
	int rc;

	while (map_each(rs->replays, &i, &key, &v))
		((struct replay *)v)->running = false;
	rc = store_replays_read(pg, a, replay_load, rs, err);
	arena_free(a);
	for (i = 0; rc == 0 && map_each(rs->replays, &i, &key, &v);) {
		struct replay *r = v;

		if (!r->running)
			replay_end(rs, r);
		else if (replay_prepare(pg, r, err) < 0 || replay_begin(rs, r, err) < 0)
			rc = -1;
	}
	return rc;
}

static void position_load(void *ctx, const struct replay_position *at)
{
	struct readers *rs = ctx;
	struct partition *p = readers_partition(rs, at->partition);
	struct endpoint *e = readers_endpoint(rs, (struct endpoint_key){ at->workspace_id, at->endpoint_id });
	struct replay *r = map_get(rs->replays, id_key(&at->replay_id));
	struct feed *f = p && e && r ? feed_add(rs, p, r, at) : NULL;

	if (!f)
		return;
	f->saved = true;
	f->saved_offset = at->next_offset;
}

int replays_load(struct readers *rs, struct pg *pg, const int32_t *partitions, size_t n, struct err *err)
{
	struct arena *a = arena_new(4096);
	int rc = store_replays_read(pg, a, replay_load, rs, err);

	arena_free(a);
	if (rc < 0 || store_replay_positions_read(pg, str_of(rs->topic), partitions, n, position_load, rs, err) < 0)
		return -1;
	return replays_refresh(rs, pg, err);
}
