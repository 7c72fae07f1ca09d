/* What a settlement comes to; see settlement_private.h. Invariant: an offset moves only past what is in the same plan, or was in an earlier one.
 */
#include "webhook-dispatcher/settlement_private.h"

#include <string.h>

#include "webhook-dispatcher/dispatcher.h"
#include "webhook-dispatcher/replay.h"

static void include(struct settlement *s, struct partition *p)
{
	if (p->included)
		return;
	p->included = true;
	*ITEMS_ADD(&s->included, struct partition *) = p;
}

/* What only waits behind another is read again by its offset. */
static void plan_row(struct settlement *s, const struct delivery *d, enum retry_status status, int64_t delay_ms)
{
	bool follows = delay_ms == RETRY_WAITS && !d->attempted;
	const struct endpoint *e = d->lane->endpoint;
	const struct event *event = d->event;

	*ITEMS_ADD(&s->rows, struct retry_row) = (struct retry_row){
		.workspace_id = e->row.workspace_id,
		.endpoint_id = e->row.id,
		.account = event->account,
		.event_id = event->id,
		.event_type = str_of(event->type),
		.url = settlement_text(s->arena, e->row.url, 2000),
		.record = follows ? STR_NONE : buf_str(&event->record),
		.ordering_key = d->key,
		.partition = event->partition,
		.offset = event->offset,
		.timestamp_ms = event->timestamp_ms,
		.max_retries = schedule_retries(&e->schedule),
		.delay_ms = delay_ms,
		.status = status,
		.last_error = d->error[0] ? settlement_text(s->arena, str_of(d->error), EXCERPT_BYTES) : STR_NONE,
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

static void plan_end(struct settlement *s, struct delivery *d)
{
	enum retry_status status = status_of(d->end);
	const struct chain *c = map_get(d->lane->chains, uuid_bytes(&d->key));
	int64_t delay = d->end == END_WAIT ? RETRY_WAITS : d->delay_ms;

	include(s, d->lane->partition);
	if (d->row)
		*ITEMS_ADD(&s->results, struct retry_result) = (struct retry_result){
			.workspace_id = d->lane->endpoint->row.workspace_id,
			.id = d->row,
			.status = status,
			.retry_count = d->attempted || d->retries == 0 ? d->retries : d->retries - 1,
			.delay_ms = delay,
			.last_error = d->attempted && status != RETRY_SUCCESS
				? settlement_text(s->arena, str_of(d->error), EXCERPT_BYTES)
				: STR_NONE,
		};
	else if (status == RETRY_PENDING)
		plan_row(s, d, RETRY_PENDING, delay);
	if (status != RETRY_PENDING && c && c->rows > 0)
		*ITEMS_ADD(&s->releases, struct retry_key) =
			(struct retry_key){ d->lane->endpoint->row.workspace_id, d->lane->endpoint->row.id, d->key };
	if (d->row)
		map_del(d->lane->partition->by_row, (struct str){ (const char *)&d->row, sizeof(d->row) });
	delivery_detach(d);
}

static void plan_stream_position(struct settlement *s, struct feed *f)
{
	struct lane *l = f->lane;
	int64_t next = 0, live_from = POSITION_NOT_LIVE;
	bool wanted = !l->endpoint->row.deleted && lane_position(l, &next, &live_from);

	if (wanted == f->saved && (!wanted || (next == f->saved_offset && live_from == f->saved_live_from)))
		return;
	f->saved = wanted;
	f->saved_offset = next;
	f->saved_live_from = live_from;
	include(s, l->partition);
	*ITEMS_ADD(&s->positions, struct position_row) = (struct position_row){ l->endpoint->row.workspace_id,
		l->endpoint->row.id, l->partition->number, next, live_from, !wanted };
}

static void plan_replay_position(struct settlement *s, struct feed *f)
{
	const struct delivery *first = TAILQ_FIRST(&f->held);
	int64_t next = feed_offset(f);

	if (f->saved && next == f->saved_offset)
		return;
	f->saved = true;
	f->saved_offset = next;
	include(s, f->lane->partition);
	*ITEMS_ADD(&s->replay_positions, struct replay_position) = (struct replay_position){
		.workspace_id = f->lane->endpoint->row.workspace_id,
		.endpoint_id = f->lane->endpoint->row.id,
		.replay_id = f->replay->row.id,
		.partition = f->lane->partition->number,
		.start_offset = f->start,
		.next_offset = next,
		.until_offset = f->until,
		.matched = first ? first->matched_before
				 : f->matched, /* up to there: the rest is read again after a kill */
		.lost = f->lost,
	};
	if (feed_is_through(f))
		*ITEMS_ADD(&s->replays_through, int64_t) = f->replay->row.id;
}

static void plan_positions(struct settlement *s, struct partition *p)
{
	struct feed *f;

	while ((f = TAILQ_FIRST(&p->touched))) {
		TAILQ_REMOVE(&p->touched, f, in_touched);
		f->touched = false;
		feed_settled(f);
		if (f->replay)
			plan_replay_position(s, f);
		else
			plan_stream_position(s, f);
	}
}

/* What is under way gets a row that is leased to it; what has ended meanwhile needs none, or gets its own. */
static void plan_spills(struct settlement *s, int64_t lease_ms)
{
	struct delivery **spills = ITEMS(&s->spills, struct delivery *);
	size_t kept = 0;

	for (size_t i = 0; i < s->spills.n; i++) {
		struct delivery *d = spills[i];

		if (d->state == DELIVERY_ENDED) {
			d->row_coming = false;
			continue;
		}
		spills[kept++] = d;
		include(s, d->lane->partition);
		plan_row(s, d, RETRY_RETRYING, lease_ms);
		delivery_let_go(d);
	}
	s->spills.n = kept;
}

/* What is counted and committed in memory is so from now on, or everything is forgotten. */
static void plan_step(struct settlement *s, struct partition *p)
{
	int64_t settled = partition_settled(p);
	struct step *step;

	if (settled <= p->committed)
		return;
	include(s, p);
	step = ITEMS_ADD(&s->steps, struct step);
	*step = (struct step){ .partition = p->number, .from = p->committed, .to = settled };
	memcpy(step->counts, p->counts, sizeof(step->counts));
	memset(p->counts, 0, sizeof(p->counts));
	p->committed = settled;
}

void settlement_plan(struct settlement *s, struct dispatcher *d, bool claim)
{
	struct delivery *one;

	plan_spills(s, d->settings->lease_ms); /* first: their rows are the first ones */
	TAILQ_FOREACH (one, &s->ends, in_list)
		plan_end(s, one);
	for (size_t i = 0; i < s->dead.n; i++)
		ITEMS(&s->dead, struct dead)[i].event->dead = false;
	for (size_t i = 0; i < d->n_partitions; i++) {
		struct partition *p = d->partitions[i];

		if (!p)
			continue;
		plan_positions(s, p);
		partition_release(p);
		plan_step(s, p);
		if ((claim && (p->rows > 0 || d->claims_all)) || s->endpoints.n > 0)
			include(s, p);
	}
	for (size_t i = 0; i < s->dead.n; i++)
		include(s, dispatcher_partition(d, ITEMS(&s->dead, struct dead)[i].event->partition));
	for (size_t i = 0; i < s->findings.n; i++)
		include(s, dispatcher_partition(d, ITEMS(&s->findings, struct finding)[i].partition));
	for (size_t i = 0; i < s->result_partitions.n; i++)
		include(s, dispatcher_partition(d, ITEMS(&s->result_partitions, int32_t)[i]));
}
