/* The pure part of webhook-dispatcher with a log of events, a retry queue and positions that live in memory: records are read, deliveries
 * sent and answered, journals written, and everything is lost and read again, as the test says. Time is the test's, too.
 *
 * What every event has come to at each endpoint is kept apart, as receivers would know it; order and offsets are judged by that, at the
 * moment when a delivery begins and when a journal is written.
 */
#ifndef TESTS_LANES_SIM_H
#define TESTS_LANES_SIM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#include "base/log.h"
#include "webhook-dispatcher/commit/private.h"
#include "webhook-dispatcher/lanes/admission.h"
#include "webhook-dispatcher/lanes/chain.h"
#include "webhook-dispatcher/lanes/delivery.h"
#include "webhook-dispatcher/lanes/feed.h"
#include "webhook-dispatcher/lanes/flow_control.h"
#include "webhook-dispatcher/lanes/lane_state.h"
#include "webhook-dispatcher/lanes/partition.h"
#include "webhook-dispatcher/lanes/refetch_queue.h"
#include "webhook-dispatcher/lanes/result.h"
#include "webhook-dispatcher/lanes/scan.h"
#include "webhook-dispatcher/lanes/send_queue.h"

#define ENDPOINTS     4 /* two workspaces with two each; the last one is not ordered */
#define CONVERSATIONS 6
#define RECORDS_MAX   400000
#define BEHIND_MAX    31 /* rows that are claimed behind a due one */

struct db_row {
	int64_t id, endpoint_id, offset, due_ms; /* due_ms INT64_MAX: it waits */
	struct uuid key;
	bool leased, failed_before, has_record;
	int32_t retry_count;
};

struct sim {
	int64_t now;
	struct dispatcher_settings settings;
	struct lane_shared shared;
	struct readers readers;
	struct reader *at[1];
	struct plan plan;
	struct journal *spare;
	struct workspace workspaces[2];
	struct endpoint endpoints[ENDPOINTS];
	size_t others_live; /* endpoints that want nothing of this */
	int64_t delays_ms[3];

	/* The topic. */
	int64_t end;
	uint8_t conversation[RECORDS_MAX];
	int64_t before[RECORDS_MAX]; /* the event before it in its conversation; -1: none */
	int64_t last[CONVERSATIONS];
	bool reading; /* the catch-up reader: a scan is running, */
	int64_t next; /* and this offset comes next */

	/* PostgreSQL. */
	struct items rows; /* struct db_row, unfinished ones */
	int64_t next_row, committed;
	bool positioned[ENDPOINTS];
	struct position_row positions[ENDPOINTS];

	/* What receivers know. */
	uint8_t delivered[ENDPOINTS][RECORDS_MAX]; /* how often */
	bool undelivered[ENDPOINTS][RECORDS_MAX];
	int64_t checked[ENDPOINTS]; /* offsets below were seen to be safe */
	int crashes;
};

static inline struct uuid uuid_of(uint64_t kind, uint64_t n)
{
	struct uuid u;

	memcpy(u.b, &kind, 8);
	memcpy(u.b + 8, &n, 8);
	return u;
}

static inline struct partition *sim_partition(struct sim *w)
{
	return &w->at[0]->partition;
}

static inline struct lane *sim_lane(struct sim *w, size_t endpoint)
{
	return partition_lane(sim_partition(w), &w->endpoints[endpoint], w->now);
}

static inline void sim_open(struct sim *w)
{
	w->at[0] = reader_new(&w->readers, 0, w->committed);
	w->readers.n = 1;
}

static inline struct sim *sim_new(void)
{
	struct sim *w = mem_calloc(1, sizeof(*w));

	log_set_level(LOG_ERROR);
	w->now = 1000000;
	w->settings = (struct dispatcher_settings){ .max_in_flight = 24,
		.max_share = 25,
		.window_age_ms = 1000,
		.window_events = 200,
		.window_bytes = 1 << 20,
		.endpoint_waiting = 16,
		.endpoint_rows = 40,
		.lease_ms = 60000,
		.disable_after_ms = 3600000,
		.breaker_failures = 5,
		.breaker_min_ms = 1000,
		.breaker_max_ms = 8000 };
	send_queue_init(&w->shared, &w->settings, journal_new());
	w->spare = journal_new();
	w->readers = (struct readers){ .settings = &w->settings, .lanes = &w->shared, .at = w->at };
	memcpy(w->delays_ms, (int64_t[]){ 1000, 2000, 4000 }, sizeof(w->delays_ms));
	for (size_t i = 0; i < 2; i++)
		fair_tenant_init(&w->workspaces[i].tenant);
	for (size_t i = 0; i < ENDPOINTS; i++)
		w->endpoints[i] = (struct endpoint){ .workspace = &w->workspaces[i / 2],
			.row = { .id = (int64_t)i + 1,
				.workspace_id = (int64_t)i / 2 + 1,
				.uuid = uuid_of(1, i),
				.ordered = i != ENDPOINTS - 1,
				.max_in_flight = 4,
				.failing_since_us = PG_NO_TIME },
			.schedule = { w->delays_ms, 3, -1 },
			.live = true };
	for (size_t i = 0; i < CONVERSATIONS; i++)
		w->last[i] = -1;
	w->next_row = 1;
	sim_open(w);
	return w;
}

/* Everything in memory is lost. */
static inline void sim_forget(struct sim *w)
{
	struct delivery *d;

	deliveries_release(w->shared.journal);
	journal_clear(w->shared.journal);
	while ((d = TAILQ_FIRST(&w->shared.in_flight))) {
		TAILQ_REMOVE(&w->shared.in_flight, d, in_list);
		delivery_free(d);
	}
	w->reading = false;
	reader_free(w->at[0]);
	for (size_t i = 0; i < 2; i++)
		fair_tenant_init(&w->workspaces[i].tenant);
	send_queue_clear(&w->shared);
}

static inline void sim_free(struct sim *w)
{
	sim_forget(w);
	journal_free(w->shared.journal);
	journal_free(w->spare);
	plan_fini(&w->plan);
	items_fini(&w->rows);
	free(w);
}

/* Events */

static inline struct event *event_at(const struct sim *w, int64_t offset)
{
	struct event *e = mem_calloc(1, sizeof(*e));

	e->refs = 1;
	e->offset = offset;
	e->id = uuid_of(2, (uint64_t)offset);
	e->ordering = uuid_of(3, w->conversation[offset]);
	e->read_mono_ms = w->now;
	TAILQ_INIT(&e->deliveries);
	buf_add_str(&e->body, STR("{}"));
	buf_add_str(&e->record, STR("record"));
	return e;
}

static inline void sim_publish(struct sim *w, size_t conversation)
{
	assert_true(w->end < RECORDS_MAX);
	w->conversation[w->end] = (uint8_t)conversation;
	w->before[w->end] = w->last[conversation];
	w->last[conversation] = w->end++;
}

static inline bool sim_is_held(struct sim *w)
{
	size_t live = w->others_live;

	for (size_t i = 0; i < ENDPOINTS; i++)
		live += w->endpoints[i].live;
	return flow_control_holds(sim_partition(w), live, w->now);
}

/* The partition's own reader takes the next record, if there is one and back-pressure lets it. */
static inline bool sim_read(struct sim *w)
{
	struct partition *p = sim_partition(w);
	int64_t offset = p->read < 0 ? 0 : p->read;
	struct event *e;

	if (sim_is_held(w) || offset >= w->end)
		return false;
	partition_skip_to(p, offset);
	e = event_at(w, offset);
	for (size_t i = 0; i < ENDPOINTS; i++) {
		struct lane *l = sim_lane(w, i);

		if (l->state != LANE_LIVE)
			continue;
		if (!lane_is_duplicate(&l->stream, e))
			lane_admit(&l->stream, e, HOLDS_PARTITION, w->now);
		if (!lane_has_room(l))
			flow_control_lane_full(l, w->now);
	}
	if (TAILQ_EMPTY(&e->deliveries))
		partition_count(p, OUTCOME_APPLIED);
	else
		partition_add_event(p, e);
	event_unref(e);
	return true;
}

static inline void sim_scan_end(struct sim *w)
{
	w->reading = false;
	scan_end(sim_partition(w));
}

/* The catch-up reader reads one record. */
static inline bool sim_catch_up(struct sim *w)
{
	struct partition *p = sim_partition(w);
	struct event *e;
	struct feed *f;

	scan_finish_feeds(p);
	if (w->reading && scan_is_empty(p))
		sim_scan_end(w);
	if (!w->reading) {
		w->next = scan_start_offset(p, w->now);
		if (w->next == SCAN_NOWHERE || p->read < 0)
			return false;
		w->reading = true;
	}
	scan_join(p, w->next - 1, w->next, w->now);
	if (w->next >= p->read) {
		scan_reach_end(p);
		sim_scan_end(w);
		scan_finish_feeds(p);
		return false;
	}
	switch (scan_check_room(p, w->now)) {
	case SCAN_WAITS:
		return false;
	case SCAN_ENDS:
		sim_scan_end(w);
		return false;
	case SCAN_CONTINUES:
		break;
	}
	e = event_at(w, w->next++);
	TAILQ_FOREACH (f, &p->catching_up, in_catching_up) {
		if (!f->scanning)
			continue;
		assert_int_equal(f->position, e->offset);
		scan_advance(f, e->offset);
		if (e->offset < f->skip_from || e->offset >= f->skip_to)
			scan_admit(f, e, w->now);
	}
	event_unref(e);
	scan_finish_feeds(p);
	if (scan_is_empty(p))
		sim_scan_end(w);
	return true;
}

/* Sending */

static inline bool is_done(const struct sim *w, size_t endpoint, int64_t offset)
{
	return w->delivered[endpoint][offset] > 0 || w->undelivered[endpoint][offset];
}

static inline size_t endpoint_of(const struct sim *w, const struct delivery *d)
{
	return (size_t)(d->lane->endpoint - w->endpoints);
}

/* Begins the next delivery; NULL: none may. Order: the event before it in its conversation has been delivered, or was given up. */
static inline struct delivery *sim_send(struct sim *w)
{
	struct delivery *d = send_queue_next(&w->shared, w->now);
	int64_t before;
	size_t i;

	if (!d)
		return NULL;
	i = endpoint_of(w, d);
	before = w->before[d->event->offset];
	if (w->endpoints[i].row.ordered && before >= 0 && !is_done(w, i, before))
		fail_msg("endpoint %zu: %lld overtakes %lld", i, (long long)d->event->offset, (long long)before);
	if (w->delivered[i][d->event->offset] > w->crashes)
		fail_msg("endpoint %zu: %lld is delivered again", i, (long long)d->event->offset);
	send_queue_begin(d, w->now);
	assert_true(d->lane->in_flight <= (size_t)d->lane->endpoint->row.max_in_flight);
	return d;
}

static inline void sim_answer(struct sim *w, struct delivery *d, enum exchange_class class)
{
	const struct result r = { class, -1, w->now, (w->now + 1700000000000) * 1000, 0.5 };
	size_t i = endpoint_of(w, d);
	int64_t offset = d->event->offset;
	struct chain *c = d->chain;

	if (class == CLASS_SUCCESS)
		w->delivered[i][offset]++;
	else
		snprintf(d->error, sizeof(d->error), "failed");
	send_queue_end(d);
	if (result_apply(d, &r)) {
		w->endpoints[i].live = false;
		readers_endpoint_changed(&w->readers, &w->endpoints[i]);
	}
	if (d->state == DELIVERY_ENDED && (d->end == END_EXHAUSTED || d->end == END_ABANDONED))
		w->undelivered[i][offset] = true;
	send_queue_done(c, w->now);
}

/* PostgreSQL */

static inline struct db_row *rows_of(struct sim *w)
{
	return ITEMS(&w->rows, struct db_row);
}

static inline struct db_row *row_find(struct sim *w, int64_t endpoint_id, int64_t offset)
{
	for (size_t i = 0; i < w->rows.n; i++)
		if (rows_of(w)[i].endpoint_id == endpoint_id && rows_of(w)[i].offset == offset)
			return &rows_of(w)[i];
	return NULL;
}

static inline void rows_insert(struct sim *w)
{
	for (size_t i = 0; i < w->plan.rows.n; i++) {
		struct retry_row *r = &ITEMS(&w->plan.rows, struct retry_row)[i];
		struct db_row *row = row_find(w, r->endpoint_id, r->offset);

		r->inserted = !row;
		if (!row) {
			row = ITEMS_ADD(&w->rows, struct db_row);
			row->id = w->next_row++;
			row->endpoint_id = r->endpoint_id;
			row->offset = r->offset;
			row->key = r->ordering_key;
			row->has_record = r->record.p != NULL;
			row->leased = r->status == RETRY_RETRYING;
			row->due_ms = r->delay_ms == RETRY_WAITS ? INT64_MAX : w->now + r->delay_ms;
			row->failed_before = r->last_error.p != NULL;
		}
		r->id = row->id;
	}
}

static inline void rows_update(struct sim *w)
{
	for (size_t i = 0; i < w->plan.results.n; i++) {
		const struct retry_result *r = &ITEMS(&w->plan.results, struct retry_result)[i];

		for (size_t k = 0; k < w->rows.n; k++) {
			struct db_row *row = &rows_of(w)[k];

			if (row->id != r->id)
				continue;
			row->leased = false;
			row->due_ms = r->delay_ms == RETRY_WAITS ? INT64_MAX : w->now + r->delay_ms;
			row->retry_count = r->retry_count;
			row->failed_before = row->failed_before || r->last_error.p;
			if (r->status != RETRY_PENDING)
				*row = rows_of(w)[--w->rows.n];
			break;
		}
	}
}

/* The oldest row of a chain that waits is due, unless one is due, scheduled (all: that counts for nothing) or leased. */
static inline void row_release(struct sim *w, int64_t endpoint_id, const struct uuid *key, bool all)
{
	struct db_row *oldest = NULL;

	for (size_t i = 0; i < w->rows.n; i++) {
		struct db_row *row = &rows_of(w)[i];

		if (row->endpoint_id != endpoint_id || !uuid_eq(&row->key, key))
			continue;
		if (row->leased || (!all && row->due_ms != INT64_MAX))
			return;
		if (!oldest || row->offset < oldest->offset)
			oldest = row;
	}
	if (oldest)
		oldest->due_ms = w->now;
}

static inline void endpoint_release(struct sim *w, int64_t endpoint_id)
{
	for (size_t i = 0; i < w->rows.n; i++)
		if (rows_of(w)[i].endpoint_id == endpoint_id)
			row_release(w, endpoint_id, &rows_of(w)[i].key, true);
}

static inline void assert_safe_at(struct sim *w, size_t endpoint, int64_t offset)
{
	if (!is_done(w, endpoint, offset) && !row_find(w, (int64_t)endpoint + 1, offset))
		fail_msg("endpoint %zu: %lld is lost", endpoint, (long long)offset);
}

/* Whatever would not be read again after a kill is safe: it was delivered or given up, or has a row. That is what lies below the partition's
 * offset, or below the endpoint's position if it has one, and from where it was fed live up to the offset. */
static inline void assert_safe(struct sim *w)
{
	for (size_t i = 0; i < ENDPOINTS; i++) {
		const struct position_row *at = &w->positions[i];
		int64_t frontier = w->positioned[i] ? at->next_offset : w->committed;

		for (; w->checked[i] < frontier; w->checked[i]++)
			assert_safe_at(w, i, w->checked[i]);
		if (w->positioned[i] && at->live_from != POSITION_NOT_LIVE)
			for (int64_t offset = at->live_from; offset < w->committed; offset++)
				assert_safe_at(w, i, offset);
	}
}

static inline void rows_written(struct sim *w)
{
	for (size_t i = 0; i < w->plan.rows.n; i++) {
		const struct retry_row *r = &ITEMS(&w->plan.rows, struct retry_row)[i];
		struct lane *l = sim_lane(w, (size_t)r->endpoint_id - 1);

		if (i < w->spare->spills.n)
			delivery_set_row(ITEMS(&w->spare->spills, struct delivery *)[i], r->id);
		else if (!r->inserted && chain_find(l, &r->ordering_key))
			lane_drop_row(l, &r->ordering_key, w->now);
	}
}

/* What a flush does: everything that has happened in one commit. */
static inline void sim_flush(struct sim *w)
{
	struct journal *full = w->shared.journal;

	partition_relieve(sim_partition(w), w->now);
	w->shared.journal = w->spare;
	w->spare = full;
	plan_make(&w->plan, full, &w->readers, CLAIM_NOTHING);
	rows_insert(w);
	rows_update(w);
	for (size_t i = 0; i < w->plan.releases.n; i++) {
		const struct retry_key *k = &ITEMS(&w->plan.releases, struct retry_key)[i];

		row_release(w, k->endpoint_id, &k->ordering_key, false);
	}
	for (size_t i = 0; i < w->plan.positions.n; i++) {
		const struct position_row *row = &ITEMS(&w->plan.positions, struct position_row)[i];

		w->positioned[row->endpoint_id - 1] = !row->gone;
		w->positions[row->endpoint_id - 1] = *row;
	}
	for (size_t i = 0; i < full->endpoints.n; i++)
		endpoint_release(w, ITEMS(&full->endpoints, struct endpoint_update)[i].key.endpoint_id);
	for (size_t i = 0; i < w->plan.steps.n; i++) {
		const struct step *s = &ITEMS(&w->plan.steps, struct step)[i];

		assert_int_equal(s->from, w->committed);
		assert_true(s->to > s->from);
		w->committed = s->to;
	}
	assert_safe(w);
	rows_written(w);
	deliveries_release(full);
	journal_clear(full);
	plan_clear(&w->plan);
}

/* Claiming */

static inline void refetch_all(struct sim *w)
{
	struct refetch_row *queued;

	while ((queued = TAILQ_FIRST(&sim_partition(w)->refetch_queue))) {
		struct event *e = event_at(w, queued->row.offset);

		lane_admit_refetched(queued, e, w->now);
		event_unref(e);
	}
}

/* Claimed rows of one chain, in order. */
static inline void row_process(struct sim *w, struct db_row *row, bool *put_off)
{
	struct lane *l = sim_lane(w, (size_t)row->endpoint_id - 1);
	struct retry_row r = { .workspace_id = l->endpoint->row.workspace_id,
		.id = row->id,
		.endpoint_id = row->endpoint_id,
		.ordering_key = row->key,
		.offset = row->offset,
		.retry_count = row->retry_count,
		.last_error = row->failed_before ? STR("HTTP 503") : STR_NONE };
	int64_t delay = *put_off ? RETRY_WAITS : lane_row_delay_ms(l, &row->key, w->now);
	struct chain *c;
	struct event *e;

	row->leased = true;
	row->due_ms = w->now + w->settings.lease_ms;
	if (partition_has_row(sim_partition(w), row->id))
		return;
	if (delay != 0) {
		*put_off = true;
		journal_add_result(w->shared.journal, &r, RETRY_PENDING, delay, NULL);
		return;
	}
	c = chain_of(l, &row->key);
	if (!row->has_record || c->refetching > 0) {
		refetch_queue_add(sim_partition(w), c, &r);
		return;
	}
	e = event_at(w, row->offset);
	lane_admit_row(l, e, &r, w->now);
	event_unref(e);
}

static inline struct db_row *row_next(struct sim *w, int64_t endpoint_id, const struct uuid *key, int64_t beyond)
{
	struct db_row *next = NULL;

	for (size_t i = 0; i < w->rows.n; i++) {
		struct db_row *row = &rows_of(w)[i];

		if (row->endpoint_id == endpoint_id && uuid_eq(&row->key, key) && row->offset > beyond &&
			(!next || row->offset < next->offset))
			next = row;
	}
	return next;
}

/* A due row, if there is one, and the rows that wait right behind it. */
static inline bool sim_claim(struct sim *w)
{
	struct db_row *due = NULL;
	bool put_off = false;

	for (size_t i = 0; i < w->rows.n; i++)
		if (rows_of(w)[i].due_ms <= w->now && (!due || rows_of(w)[i].due_ms < due->due_ms))
			due = &rows_of(w)[i];
	if (!due)
		return false;
	for (int i = 0; due && i <= BEHIND_MAX; i++) {
		row_process(w, due, &put_off);
		due = row_next(w, due->endpoint_id, &due->key, due->offset);
		if (due && due->due_ms != INT64_MAX)
			break;
	}
	return true;
}

/* A kill -9: what is in memory is lost, and another replica reads what PostgreSQL has. */
static inline void sim_crash(struct sim *w)
{
	sim_forget(w);
	w->crashes++;
	sim_open(w);
	for (size_t i = 0; i < ENDPOINTS; i++) {
		w->endpoints[i].row.failing_since_us = PG_NO_TIME;
		if (!w->endpoints[i].live)
			readers_endpoint_changed(&w->readers, &w->endpoints[i]);
		if (w->positioned[i])
			lane_load_position(sim_lane(w, i), &w->positions[i]);
	}
	for (size_t i = 0; i < w->rows.n; i++) {
		struct db_row *row = &rows_of(w)[i];

		chain_add_row(chain_of(sim_lane(w, (size_t)row->endpoint_id - 1), &row->key), row->offset);
		if (row->leased)
			row->due_ms = INT64_MAX;
		row->leased = false;
	}
	for (size_t i = 0; i < w->rows.n; i++)
		row_release(w, rows_of(w)[i].endpoint_id, &rows_of(w)[i].key, false);
}

#endif
