/* Turns a journal into rows; see private.h. Invariant: an offset advances only past events whose results are in this plan or were in an
 * earlier one. */
#include <string.h>

#include "webhook-dispatcher/commit/private.h"
#include "webhook-dispatcher/intake/replay.h"
#include "webhook-dispatcher/lanes/chain.h"
#include "webhook-dispatcher/lanes/delivery.h"
#include "webhook-dispatcher/lanes/feed.h"
#include "webhook-dispatcher/lanes/lane_state.h"
#include "webhook-dispatcher/lanes/partition.h"

/* Calls each() for every list. */
static void lists_each(struct plan *p, void (*each)(struct items *list))
{
	struct items *const lists[] = { &p->rows, &p->results, &p->releases, &p->positions, &p->replay_positions,
		&p->completed_replays, &p->steps, &p->partitions };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		each(lists[i]);
}

void plan_fini(struct plan *p)
{
	lists_each(p, items_fini);
}

void plan_clear(struct plan *p)
{
	lists_each(p, items_clear);
}

static void include(struct plan *p, int32_t partition)
{
	if (p->included[partition])
		return;
	p->included[partition] = true;
	*ITEMS_ADD(&p->partitions, int32_t) = partition;
}

/* Adds a row of the retry queue. The row of a delivery that waits behind another and was never attempted has no record: it is read again by its
 * offset. */
static void plan_row(struct plan *p, const struct delivery *d, enum retry_status status, int64_t delay_ms)
{
	bool follows = delay_ms == RETRY_WAITS && !d->attempted;
	const struct endpoint *e = d->lane->endpoint;
	const struct event *event = d->event;
	struct arena *a = p->journal->arena;

	*ITEMS_ADD(&p->rows, struct retry_row) = (struct retry_row){
		.workspace_id = e->row.workspace_id,
		.endpoint_id = e->row.id,
		.account = event->account,
		.event_id = event->id,
		.event_type = str_of(event->type),
		.url = journal_text(a, e->row.url, 2000),
		.record = follows ? STR_NONE : buf_str(&event->record),
		.ordering_key = d->key,
		.partition = event->partition,
		.offset = event->offset,
		.timestamp_ms = event->timestamp_ms,
		.max_retries = schedule_retries(&e->schedule),
		.delay_ms = delay_ms,
		.status = status,
		.last_error = d->error[0] ? journal_text(a, str_of(d->error), EXCERPT_BYTES) : STR_NONE,
	};
}

static enum retry_status status_of(enum delivery_end end)
{
	switch (end) {
	case END_DELIVERED:
		return RETRY_SUCCESS;
	case END_EXHAUSTED:
	case END_ABANDONED:
		return RETRY_FAILED;
	case END_RETRY:
	case END_WAIT:
		break;
	}
	return RETRY_PENDING;
}

static void plan_end(struct plan *p, struct delivery *d)
{
	const struct endpoint_row *e = &d->lane->endpoint->row;
	enum retry_status status = status_of(d->end);
	const struct chain *c = chain_find(d->lane, &d->key);
	int64_t delay = d->end == END_WAIT ? RETRY_WAITS : d->delay_ms;

	include(p, d->lane->partition->number);
	if (d->row)
		*ITEMS_ADD(&p->results, struct retry_result) = (struct retry_result){
			.workspace_id = e->workspace_id,
			.id = d->row,
			.status = status,
			.retry_count = d->attempted || d->retries == 0 ? d->retries : d->retries - 1,
			.delay_ms = delay,
			.last_error = d->attempted && status != RETRY_SUCCESS
				? journal_text(p->journal->arena, str_of(d->error), EXCERPT_BYTES)
				: STR_NONE,
		};
	else if (status == RETRY_PENDING)
		plan_row(p, d, RETRY_PENDING, delay);
	if (status != RETRY_PENDING && c && c->rows > 0)
		*ITEMS_ADD(&p->releases, struct retry_key) = (struct retry_key){ e->workspace_id, e->id, d->key };
	delivery_detach(d);
}

static void plan_stream_position(struct plan *p, struct feed *f)
{
	struct lane *l = f->lane;
	int64_t next = 0, live_from = POSITION_NOT_LIVE;
	bool needed = !l->endpoint->row.deleted && lane_position(l, &next, &live_from);

	if (needed == f->saved && (!needed || (next == f->saved_offset && live_from == f->saved_live_from)))
		return;
	f->saved = needed;
	f->saved_offset = next;
	f->saved_live_from = live_from;
	include(p, l->partition->number);
	*ITEMS_ADD(&p->positions, struct position_row) = (struct position_row){ l->endpoint->row.workspace_id,
		l->endpoint->row.id, l->partition->number, next, live_from, !needed };
}

static void plan_replay_position(struct plan *p, struct feed *f)
{
	const struct delivery *first = TAILQ_FIRST(&f->held);
	int64_t next = feed_offset(f);

	if (f->saved && next == f->saved_offset)
		return;
	f->saved = true;
	f->saved_offset = next;
	include(p, f->lane->partition->number);
	*ITEMS_ADD(&p->replay_positions, struct replay_position) = (struct replay_position){
		.workspace_id = f->lane->endpoint->row.workspace_id,
		.endpoint_id = f->lane->endpoint->row.id,
		.replay_id = f->replay->row.id,
		.partition = f->lane->partition->number,
		.start_offset = f->start,
		.next_offset = next,
		.until_offset = f->until,
		.matched = first ? first->matched_before
				 : f->matched, /* up to the position: later ones are counted again after a crash */
		.lost = f->lost,
	};
	if (feed_is_complete(f))
		*ITEMS_ADD(&p->completed_replays, int64_t) = f->replay->row.id;
}

static void plan_positions(struct plan *p, struct partition *of)
{
	struct feed *f;

	while ((f = TAILQ_FIRST(&of->dirty))) {
		TAILQ_REMOVE(&of->dirty, f, in_dirty);
		f->dirty = false;
		feed_update(f);
		if (f->replay)
			plan_replay_position(p, f);
		else
			plan_stream_position(p, f);
	}
}

/* Adds a leased row for each spilled delivery that is still in flight; one that has ended meanwhile needs no row, or has one from its end. */
static void plan_spills(struct plan *p, int64_t lease_ms)
{
	struct items *list = &p->journal->spills;
	struct delivery **spills = ITEMS(list, struct delivery *);
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		struct delivery *d = spills[i];

		if (d->state == DELIVERY_ENDED) {
			d->row_coming = false;
			continue;
		}
		spills[kept++] = d;
		include(p, d->lane->partition->number);
		plan_row(p, d, RETRY_RETRYING, lease_ms);
		delivery_release_hold(d);
	}
	list->n = kept;
}

/* Plans the partition's step, and applies it in memory at once: when the commit fails, all partitions are dropped from memory anyway. */
static void plan_step(struct plan *p, struct partition *of)
{
	int64_t commit = partition_commit_offset(of);
	struct step *step;

	if (commit <= of->committed)
		return;
	include(p, of->number);
	step = ITEMS_ADD(&p->steps, struct step);
	*step = (struct step){ .partition = of->number, .from = of->committed, .to = commit };
	memcpy(step->counts, of->counts, sizeof(step->counts));
	memset(of->counts, 0, sizeof(of->counts));
	of->committed = commit;
}

static void plan_results(struct plan *p)
{
	const struct journal *j = p->journal;

	for (size_t i = 0; i < j->results.n; i++) {
		*ITEMS_ADD(&p->results, struct retry_result) = ITEMS(&j->results, struct retry_result)[i];
		include(p, ITEMS(&j->result_partitions, int32_t)[i]);
	}
	for (size_t i = 0; i < j->releases.n; i++)
		*ITEMS_ADD(&p->releases, struct retry_key) = ITEMS(&j->releases, struct retry_key)[i];
}

static void plan_partition(struct plan *p, struct partition *of, enum flush_claim claim)
{
	plan_positions(p, of);
	partition_shrink_window(of);
	plan_step(p, of);
	if (claim == CLAIM_ALL || (claim == CLAIM_KNOWN && of->rows > 0) || p->journal->endpoints.n > 0)
		include(p, of->number);
}

void plan_make(struct plan *p, struct journal *j, struct readers *rs, enum flush_claim claim)
{
	struct delivery *d;
	struct reader *r;
	size_t i = 0;

	p->journal = j;
	p->included = ARENA_ARRAY(j->arena, bool, rs->n + 1);
	memset(p->included, 0, (rs->n + 1) * sizeof(*p->included));
	plan_spills(p, rs->settings->lease_ms); /* first, because spills_written() expects their rows first */
	plan_results(p);
	TAILQ_FOREACH (d, &j->ends, in_list)
		plan_end(p, d);
	for (size_t k = 0; k < j->dead.n; k++) {
		struct event *e = ITEMS(&j->dead, struct dead)[k].event;

		e->dead = false;
		include(p, e->partition);
	}
	for (size_t k = 0; k < j->findings.n; k++)
		include(p, ITEMS(&j->findings, struct finding)[k].partition);
	while ((r = readers_each(rs, &i)))
		plan_partition(p, &r->partition, claim);
}
