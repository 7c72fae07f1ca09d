/* Writing down what has happened; see settlement.h. */
#include "webhook-dispatcher/settlement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/utf8.h"
#include "crypto/ids.h"
#include "store/webhook_attempts.h"
#include "webhook-dispatcher/dispatcher.h"
#include "webhook-dispatcher/replay.h"
#include "webhook-dispatcher/stats.h"
#include "wire/cloudevents.h"

#define EXCERPT_BYTES 1000
#define POSTPONE_MS   5000  /* a due row whose endpoint has enough to do */
#define UNREADABLE_MS 60000 /* a row that this version cannot read */

/* A growable array of anything. */
struct items {
	void *at;
	size_t n, cap;
};
#define ITEMS_ADD(list, type) ((type *)items_add((list), sizeof(type)))
#define ITEMS(list, type)     ((type *)(list)->at)

static void *items_add(struct items *l, size_t size)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->at = mem_realloc(l->at, l->cap * size);
	}
	memset((char *)l->at + l->n * size, 0, size);
	return (char *)l->at + l->n++ * size;
}

struct dead {
	struct event *event;
	struct err why;
};

struct finding {
	struct endpoint_change change;
	int32_t partition;
	struct uuid workspace, endpoint;
	struct event *event; /* NULL: none in particular */
};

struct endpoint_news {
	struct endpoint_key key;
	bool deleted;
};

struct settlement {
	struct arena *arena; /* of texts */
	struct delivery_list ends;
	struct items spills; /* struct delivery * */
	struct items attempts; /* struct attempt_row */
	struct items dead;
	struct items findings;
	struct items endpoints;
	struct items results; /* struct retry_result, of rows that were given back */
	struct items result_partitions; /* int32_t, of each */
	/* What it comes to, put together before anything is written. */
	struct items rows; /* struct retry_row */
	struct items releases; /* struct retry_key */
	struct items positions; /* struct position_row */
	struct items replay_positions; /* struct replay_position */
	struct items replays_through; /* int64_t, ids: in one partition more */
	struct items steps;     /* struct step */
	struct items included;  /* struct partition * */
};

/* How far a partition moves. */
struct step {
	int32_t partition;
	int64_t from, to, counts[OUTCOMES];
};

struct settlement *settlement_new(void)
{
	struct settlement *s = mem_calloc(1, sizeof(*s));

	s->arena = arena_new(1 << 16);
	TAILQ_INIT(&s->ends);
	return s;
}

/* Written or not: nobody waits for these rows any more. */
static void spills_clear(struct settlement *s)
{
	for (size_t i = 0; i < s->spills.n; i++) {
		struct delivery *d = ITEMS(&s->spills, struct delivery *)[i];

		d->row_coming = false;
		if (!d->lane && d->state == DELIVERY_ENDED)
			delivery_free(d);
	}
	s->spills.n = 0;
}

static void ends_clear(struct settlement *s)
{
	struct delivery *d;

	while ((d = TAILQ_FIRST(&s->ends))) {
		TAILQ_REMOVE(&s->ends, d, in_list);
		if (d->row_coming)
			delivery_detach(d); /* freed by the settlement that writes the row */
		else
			delivery_free(d);
	}
}

void settlement_clear(struct settlement *s)
{
	struct items *const lists[] = { &s->attempts, &s->dead, &s->findings, &s->endpoints, &s->results,
		&s->result_partitions, &s->rows, &s->releases, &s->positions, &s->steps, &s->included,
		&s->replay_positions, &s->replays_through };

	spills_clear(s);
	ends_clear(s);
	for (size_t i = 0; i < s->dead.n; i++)
		event_unref(ITEMS(&s->dead, struct dead)[i].event);
	for (size_t i = 0; i < s->findings.n; i++)
		event_unref(ITEMS(&s->findings, struct finding)[i].event);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		lists[i]->n = 0;
	arena_reset(s->arena);
}

void settlement_free(struct settlement *s)
{
	if (!s)
		return;
	settlement_clear(s);
	free(s->spills.at);
	free(s->attempts.at);
	free(s->dead.at);
	free(s->findings.at);
	free(s->endpoints.at);
	free(s->results.at);
	free(s->result_partitions.at);
	free(s->rows.at);
	free(s->releases.at);
	free(s->positions.at);
	free(s->steps.at);
	free(s->replay_positions.at);
	free(s->replays_through.at);
	free(s->included.at);
	arena_free(s->arena);
	free(s);
}

bool settlement_is_empty(const struct settlement *s)
{
	return TAILQ_EMPTY(&s->ends) &&
		s->spills.n + s->attempts.n + s->dead.n + s->findings.n + s->endpoints.n + s->results.n == 0;
}

/* What comes from outside as text that a column can hold. */
static struct str storable(struct arena *a, struct str s, size_t max)
{
	struct buf out = BUF_INIT;
	struct str kept;

	while (s.n > 0 && out.n < max) {
		size_t n = utf8_next(s);

		if (n == 0 || s.p[0] == '\0')
			buf_add_str(&out, STR("\xEF\xBF\xBD"));
		else
			buf_add(&out, s.p, n);
		s = str_slice(s, n ? n : 1, s.n);
	}
	kept = arena_str(a, utf8_truncate(buf_str(&out), max));
	buf_fini(&out);
	return kept;
}

static int32_t phase_us(int64_t us)
{
	return us > INT32_MAX ? INT32_MAX : (int32_t)us;
}

void settlement_add_attempt(struct settlement *s, const struct delivery *d, enum outcome_class class,
	const struct exchange_result *r)
{
	*ITEMS_ADD(&s->attempts, struct attempt_row) = (struct attempt_row){
		.workspace_id = d->lane->endpoint->row.workspace_id,
		.endpoint_id = d->lane->endpoint->row.id,
		.event_id = d->event->id,
		.event_type = arena_str(s->arena, str_of(d->event->type)),
		.message_id = d->event->message_id,
		.attempt = d->retries + 1,
		.outcome = outcome_class_word(class),
		.status = r->status,
		.at_us = clock_now_us() - (r->total_us > 0 ? r->total_us : 0),
		.dns_us = phase_us(r->dns_us),
		.connect_us = phase_us(r->connect_us),
		.tls_us = phase_us(r->tls_us),
		.first_byte_us = phase_us(r->first_byte_us),
		.total_us = phase_us(r->total_us),
		.excerpt = r->body.n ? storable(s->arena, r->body, EXCERPT_BYTES) : STR_NONE,
		.error = r->failure == EXCHANGE_ANSWERED ? STR_NONE : arena_str(s->arena, str_of(r->detail)),
	};
}

void settlement_add_end(struct settlement *s, struct delivery *d)
{
	TAILQ_INSERT_TAIL(&s->ends, d, in_list);
}

void settlement_add_spill(struct settlement *s, struct delivery *d)
{
	*ITEMS_ADD(&s->spills, struct delivery *) = d;
}

void settlement_add_dead(struct settlement *s, struct event *e, const struct err *why)
{
	*ITEMS_ADD(&s->dead, struct dead) = (struct dead){ event_ref(e), *why };
}

static struct finding *finding_add(struct settlement *s, const struct lane *l, enum endpoint_finding finding,
	const char *reason)
{
	struct finding *f = ITEMS_ADD(&s->findings, struct finding);

	f->change = (struct endpoint_change){ .workspace_id = l->endpoint->row.workspace_id,
		.id = l->endpoint->row.id,
		.finding = finding,
		.at_us = clock_now_us(),
		.reason = reason ? storable(s->arena, str_of(reason), EXCERPT_BYTES).p : NULL };
	f->partition = l->partition->number;
	f->workspace = l->endpoint->row.workspace;
	f->endpoint = l->endpoint->row.uuid;
	return f;
}

void settlement_add_finding(struct settlement *s, struct lane *l, enum endpoint_finding finding, int64_t at_us,
	const char *reason, struct event *event)
{
	struct finding *f = finding_add(s, l, finding, reason);

	f->change.at_us = at_us;
	f->event = event ? event_ref(event) : NULL;
}

void settlement_add_disable(struct settlement *s, struct lane *l, const char *reason, int64_t failing_ms)
{
	finding_add(s, l, ENDPOINT_DISABLE, reason)->change.failing_ms = failing_ms;
}

void settlement_add_endpoint(struct settlement *s, const struct endpoint *e)
{
	*ITEMS_ADD(&s->endpoints, struct endpoint_news) =
		(struct endpoint_news){ { e->row.workspace_id, e->row.id }, e->row.deleted };
}

void settlement_give_back(struct settlement *s, const struct retry_row *row, enum retry_status status, int64_t delay_ms,
	const char *error)
{
	*ITEMS_ADD(&s->results, struct retry_result) = (struct retry_result){ .workspace_id = row->workspace_id,
		.id = row->id,
		.status = status,
		.retry_count = row->retry_count,
		.delay_ms = delay_ms,
		.last_error = error ? arena_str(s->arena, str_of(error)) : STR_NONE };
	*ITEMS_ADD(&s->result_partitions, int32_t) = row->partition;
	if (status == RETRY_FAILED)
		settlement_add_release(s, row);
}

void settlement_add_release(struct settlement *s, const struct retry_row *row)
{
	*ITEMS_ADD(&s->releases, struct retry_key) =
		(struct retry_key){ row->workspace_id, row->endpoint_id, row->ordering_key };
}

/* Putting together. Nothing waits here, and afterwards nothing refers to lanes: the partitions may be lost while statements wait. */

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
		.url = storable(s->arena, e->row.url, 2000),
		.record = follows ? STR_NONE : buf_str(&event->record),
		.ordering_key = d->key,
		.partition = event->partition,
		.offset = event->offset,
		.timestamp_ms = event->timestamp_ms,
		.max_retries = schedule_retries(&e->schedule),
		.delay_ms = delay_ms,
		.status = status,
		.last_error = d->error[0] ? storable(s->arena, str_of(d->error), EXCERPT_BYTES) : STR_NONE,
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
				? storable(s->arena, str_of(d->error), EXCERPT_BYTES)
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

static void plan(struct settlement *s, struct dispatcher *d, bool claim)
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

/* Writing */

static int dead_emit(struct dispatcher *d, const struct event *e, const struct uuid *endpoint, const char *reason,
	const char *code, const char *message, bool retryable, struct err *err)
{
	struct record_view view;
	struct dead_record dead;
	size_t at = 0;

	if (records_next(buf_str(&e->record), &at, &view, err) != 1)
		return -1;
	dead = (struct dead_record){ .topic = str_of(d->chat_event_topic),
		.key = view.key,
		.value = view.value,
		.headers = view.headers,
		.n_headers = view.n_headers,
		.partition = e->partition,
		.offset = e->offset,
		.timestamp_ms = e->timestamp_ms,
		.endpoint = endpoint };
	owner_tx_dead_record(d->tx, &dead, reason, code, message, retryable);
	return 0;
}

static int dead_write(const struct settlement *s, struct dispatcher *d, struct err *err)
{
	const struct delivery *one;

	for (size_t i = 0; i < s->dead.n; i++) {
		const struct dead *dead = &ITEMS(&s->dead, struct dead)[i];

		if (dead_emit(d, dead->event, NULL, dead->why.code, "", dead->why.msg,
			    strcmp(dead->why.code, "unsupported") == 0, err) < 0)
			return -1;
	}
	TAILQ_FOREACH (one, &s->ends, in_list)
		if (one->end == END_EXHAUSTED &&
			dead_emit(d, one->event, &one->endpoint, "exhausted", one->code, one->error, true, err) < 0)
			return -1;
	return 0;
}

static const char *finding_word(enum endpoint_finding f)
{
	return f == ENDPOINT_EXHAUSTED ? "failing" : f == ENDPOINT_ANSWERS ? "recovered" : "disabled";
}

static int finding_emit(struct dispatcher *d, const struct finding *f, struct err *err)
{
	struct chat_event e = {
		.kind = CE_ENDPOINT, .workspace = f->workspace, .origin = ORIGIN_LIVE, .occurred_at_ms = clock_now_ms()
	};
	struct header headers[CLOUDEVENTS_MAX];
	struct cloudevents_storage storage;
	struct buf value = BUF_INIT;
	struct uuid cause;
	char key[74];
	size_t n;
	int rc;

	uuid_v4(&cause);
	if (f->event) {
		cause = f->event->id;
		e.u.endpoint.subject_event = f->event->id;
	}
	e.u.endpoint.endpoint = f->endpoint;
	e.u.endpoint.kind = str_of(finding_word(f->change.finding));
	e.u.endpoint.reason = str_of(f->change.reason);
	e.source = owner_tx_source(d->tx, f->partition);
	chat_event_derive_id(&e, &cause, &f->endpoint);
	rc = chat_event_encode(&e, &value, err);
	chat_event_key(&e, key);
	n = cloudevents_headers(headers, &storage, &e.id, "chat_event", "endpoint", STR("webhook-dispatcher"),
		e.occurred_at_ms, STR_NONE);
	if (rc == 0)
		owner_tx_emit(d->tx, f->partition, str_of(d->chat_event_topic), str_of(key), buf_str(&value), headers,
			n);
	buf_fini(&value);
	return rc;
}

/* A delivery of an endpoint's event never causes another one, or two endpoints that fail would tell each other for ever. */
static bool finding_is_told(const struct finding *f)
{
	if (f->change.finding == ENDPOINT_EXHAUSTED)
		return !f->event || f->event->kind != CE_ENDPOINT;
	return f->change.changed && f->change.finding != ENDPOINT_FAILS;
}

static void finding_log(const struct finding *f)
{
	char endpoint[37];

	uuid_format(&f->endpoint, endpoint);
	if (f->change.changed && f->change.finding == ENDPOINT_DISABLE)
		log_warn("endpoint disabled", LOG_S("endpoint", endpoint), LOG_S("reason", f->change.reason));
	else if (f->change.changed && f->change.finding == ENDPOINT_ANSWERS)
		log_info("endpoint recovered", LOG_S("endpoint", endpoint));
}

static int findings_write(struct settlement *s, struct dispatcher *d, struct err *err)
{
	struct endpoint_change *changes = ARENA_ARRAY(owner_tx_arena(d->tx), struct endpoint_change, s->findings.n + 1);
	struct finding *f = ITEMS(&s->findings, struct finding);

	if (s->findings.n == 0)
		return 0;
	for (size_t i = 0; i < s->findings.n; i++)
		changes[i] = f[i].change;
	if (endpoints_change(owner_tx_pg(d->tx), changes, s->findings.n, err) < 0)
		return -1;
	for (size_t i = 0; i < s->findings.n; i++) {
		f[i].change.changed = changes[i].changed;
		finding_log(&f[i]);
		if (finding_is_told(&f[i]) && finding_emit(d, &f[i], err) < 0)
			return -1;
	}
	return 0;
}

static size_t included_numbers(const struct settlement *s, struct arena *a, int32_t **out)
{
	*out = ARENA_ARRAY(a, int32_t, s->included.n + 1);
	for (size_t i = 0; i < s->included.n; i++)
		(*out)[i] = ITEMS(&s->included, struct partition *)[i]->number;
	return s->included.n;
}

static int endpoints_write(const struct settlement *s, struct dispatcher *d, const int32_t *partitions, size_t n,
	struct err *err)
{
	struct endpoint_key *live = ARENA_ARRAY(owner_tx_arena(d->tx), struct endpoint_key, s->endpoints.n + 1);
	struct endpoint_key *gone = ARENA_ARRAY(owner_tx_arena(d->tx), struct endpoint_key, s->endpoints.n + 1);
	size_t n_live = 0, n_gone = 0;

	for (size_t i = 0; i < s->endpoints.n; i++) {
		const struct endpoint_news *news = &ITEMS(&s->endpoints, struct endpoint_news)[i];

		if (news->deleted)
			gone[n_gone++] = news->key;
		else
			live[n_live++] = news->key;
	}
	if (n_live > 0 && retries_release_endpoints(owner_tx_pg(d->tx), partitions, n, live, n_live, err) < 0)
		return -1;
	return n_gone > 0 ? retries_abandon(owner_tx_pg(d->tx), partitions, n, gone, n_gone, err) : 0;
}

static int replays_write(const struct settlement *s, struct dispatcher *d, struct err *err)
{
	struct pg *pg = owner_tx_pg(d->tx);
	struct str topic = str_of(d->chat_event_topic);

	if (replay_positions_write(pg, topic, ITEMS(&s->replay_positions, struct replay_position),
		    s->replay_positions.n, err) < 0)
		return -1;
	return replays_finish(pg, "webhook-dispatcher", topic, ITEMS(&s->replays_through, int64_t),
		s->replays_through.n, err);
}

static void claimed_keep(void *ctx, const struct retry_row *row)
{
	struct retry_row *kept = ITEMS_ADD((struct items *)ctx, struct retry_row);

	*kept = *row;
	if (uuid_is_nil(&kept->ordering_key)) /* it waits for none: a chain of its own */
		kept->ordering_key = kept->event_id;
}

static int statements_run(struct settlement *s, struct dispatcher *d, struct items *claimed, bool claim,
	const int32_t *partitions, size_t n, struct err *err)
{
	struct pg *pg = owner_tx_pg(d->tx);
	struct str topic = str_of(d->chat_event_topic);

	if (retries_insert(pg, d->name, ITEMS(&s->rows, struct retry_row), s->rows.n, err) < 0 ||
		retries_settle(pg, ITEMS(&s->results, struct retry_result), s->results.n, err) < 0 ||
		retries_release(pg, ITEMS(&s->releases, struct retry_key), s->releases.n, err) < 0 ||
		positions_write(pg, topic, ITEMS(&s->positions, struct position_row), s->positions.n, err) < 0 ||
		replays_write(s, d, err) < 0 || endpoints_write(s, d, partitions, n, err) < 0 ||
		attempts_insert(pg, ITEMS(&s->attempts, struct attempt_row), s->attempts.n, err) < 0 ||
		findings_write(s, d, err) < 0 || dead_write(s, d, err) < 0)
		return -1;
	return claim ? retries_claim(pg, d->name, partitions, n, (int)d->settings->claim_max, d->settings->lease_ms,
			       owner_tx_arena(d->tx), claimed_keep, claimed, err)
		     : 0;
}

static int include_all(const struct settlement *s, struct dispatcher *d, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < s->included.n; i++) {
		struct partition *p = ITEMS(&s->included, struct partition *)[i];

		p->included = false;
		if (rc == 0)
			rc = owner_tx_include(d->tx, p->number, err);
	}
	return rc;
}

static void spills_written(struct settlement *s)
{
	const struct retry_row *rows = ITEMS(&s->rows, struct retry_row);

	for (size_t i = 0; i < s->spills.n; i++) {
		struct delivery *d = ITEMS(&s->spills, struct delivery *)[i];

		if (!d->lane)
			continue;
		d->row = rows[i].id;
		*map_slot(d->lane->partition->by_row, (struct str){ (const char *)&d->row, sizeof(d->row) }) = d;
	}
}

/* An event that has a row already, of an earlier time, needs no second one. */
static void rows_written(const struct settlement *s, struct dispatcher *d)
{
	for (size_t i = s->spills.n; i < s->rows.n; i++) { /* one that is under way took the earlier row over */
		const struct retry_row *row = &ITEMS(&s->rows, struct retry_row)[i];
		struct partition *p = dispatcher_partition(d, row->partition);
		struct endpoint *e = directory_find(d->directory, row->endpoint_id);
		struct chain *c = p && e && !row->inserted
			? map_get(partition_lane(p, e)->chains, uuid_bytes(&row->ordering_key))
			: NULL;

		if (!c)
			continue;
		chain_drop_row(c);
		chain_settle(c);
	}
}

/* Rows that were taken up */

static void row_drop(struct partition *p, struct endpoint *e, const struct retry_row *row)
{
	struct chain *c = e ? lane_chain(partition_lane(p, e), &row->ordering_key) : NULL;

	settlement_give_back(p->d->filling, row, RETRY_FAILED, 0, row->dropped ? NULL : "the endpoint was deleted");
	if (c && c->rows > 0)
		chain_drop_row(c);
	if (c)
		chain_settle(c);
}

/* 0: it was admitted; else when to try again. */
static int64_t row_admit(struct partition *p, struct endpoint *e, const struct retry_row *row)
{
	struct dispatcher *d = p->d;
	struct lane *l = partition_lane(p, e);
	int64_t now = clock_mono_ms();
	struct reading r;
	struct event *event;
	struct chain *c;
	struct err err;

	if (!e->live)
		return RETRY_WAITS;
	if (pace_is_paused(&l->pace, now))
		return l->pace.paused_until - now;
	if (l->waiting >= (size_t)d->settings->endpoint_waiting)
		return POSTPONE_MS;
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

/* Of a chain whose first row has to wait the others do, too: `put_off` has those chains. */
static void row_take(struct dispatcher *d, const struct retry_row *row, struct map *put_off)
{
	struct partition *p = dispatcher_partition(d, row->partition);
	struct endpoint *e = directory_find(d->directory, row->endpoint_id);
	const struct chain_key key = { row->endpoint_id, row->ordering_key };
	const struct str chain = { (const char *)&key, sizeof(key) };
	int64_t delay_ms;

	if (!p || map_get(p->by_row, (struct str){ (const char *)&row->id, sizeof(row->id) }))
		return; /* somebody else's by now, or under way: its lease was renewed */
	if (row->dropped || !e || e->row.deleted) {
		row_drop(p, e, row);
		return;
	}
	delay_ms = map_get(put_off, chain) ? RETRY_WAITS : row_admit(p, e, row);
	if (delay_ms == 0)
		return;
	*map_slot(put_off, chain) = d;
	settlement_give_back(d->filling, row, RETRY_PENDING, delay_ms, NULL);
}

static void rows_take(struct dispatcher *d, const struct items *claimed)
{
	struct map *put_off = map_new();

	for (size_t i = 0; i < claimed->n; i++)
		row_take(d, &ITEMS(claimed, struct retry_row)[i], put_off);
	map_free(put_off);
}

int settlement_write(struct settlement *s, struct dispatcher *d, bool claim, struct err *err)
{
	uint64_t generation = owner_generation(d->owner);
	struct items claimed = { 0 };
	int32_t *partitions;
	size_t n;
	int rc = -1;

	plan(s, d, claim);
	if (s->included.n == 0) {
		settlement_clear(s);
		return 0;
	}
	n = included_numbers(s, s->arena, &partitions);
	if (include_all(s, d, err) < 0)
		goto out;
	(void)failpoint("settle_begin");
	if (owner_tx_begin(d->tx, err) < 0)
		goto out;
	for (size_t i = 0; i < s->steps.n; i++) {
		const struct step *step = &ITEMS(&s->steps, struct step)[i];

		owner_tx_advance(d->tx, step->partition, step->from, step->to, step->counts);
	}
	(void)failpoint("settle_locked");
	if (statements_run(s, d, &claimed, claim, partitions, n, err) < 0)
		goto out;
	(void)failpoint("settle_commit");
	if (owner_tx_commit(d->tx, err) < 0)
		goto out;
	(void)failpoint("settle_committed");
	spills_written(s);
	d->rows_released = d->rows_released || s->releases.n > 0;
	if (generation == owner_generation(d->owner)) {
		rows_written(s, d);
		rows_take(d, &claimed);
	}
	rc = 0;
out:
	owner_tx_reset(d->tx);
	settlement_clear(s);
	free(claimed.at);
	return rc;
}
