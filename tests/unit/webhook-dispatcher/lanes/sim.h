/* A simulation of the lanes with a topic, a retry queue and positions in memory. Tests decide when records are read, deliveries sent and
 * answered, journals written, when a crash discards everything in memory, and what time it is.
 *
 * The simulation also keeps what receivers know: which event was delivered to which endpoint. It checks order when a delivery begins, and
 * offsets and positions when a journal is written.
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
#define BEHIND_MAX    31 /* rows that are claimed with a due one because they wait behind it */

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
	size_t others_live; /* live endpoints of other workspaces */
	int64_t delays_ms[3];

	/* The topic. */
	int64_t end;
	uint8_t conversation[RECORDS_MAX];
	int64_t before[RECORDS_MAX]; /* the event before it in its conversation; -1: none */
	int64_t last[CONVERSATIONS];
	bool reading; /* the catch-up reader runs a scan, */
	int64_t next; /* and reads this offset next */

	/* PostgreSQL. */
	struct items rows; /* struct db_row, unfinished ones */
	int64_t next_row, committed;
	bool positioned[ENDPOINTS];
	struct position_row positions[ENDPOINTS];

	/* What receivers know. */
	uint8_t delivered[ENDPOINTS][RECORDS_MAX]; /* how often */
	bool abandoned[ENDPOINTS][RECORDS_MAX]; /* or exhausted */
	int64_t checked[ENDPOINTS]; /* offsets below it were checked */
	int crashes;
};

static inline struct uuid uuid_of(uint64_t kind, uint64_t n)
{
	struct uuid u;

	memcpy(u.b, &kind, 8);
	memcpy(u.b + 8, &n, 8);
	return u;
}

static inline struct partition *sim_partition(struct sim *sim)
{
	return &sim->at[0]->partition;
}

static inline struct lane *sim_lane(struct sim *sim, size_t endpoint)
{
	return partition_lane(sim_partition(sim), &sim->endpoints[endpoint], sim->now);
}

static inline void sim_open(struct sim *sim)
{
	sim->at[0] = reader_new(&sim->readers, 0, sim->committed);
	sim->readers.n = 1;
}

static inline struct sim *sim_new(void)
{
	struct sim *sim = mem_calloc(1, sizeof(*sim));

	log_set_level(LOG_ERROR);
	sim->now = 1000000;
	sim->settings = (struct dispatcher_settings){ .max_in_flight = 24,
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
	send_queue_init(&sim->shared, &sim->settings, journal_new());
	sim->spare = journal_new();
	sim->readers = (struct readers){ .settings = &sim->settings, .lanes = &sim->shared, .at = sim->at };
	memcpy(sim->delays_ms, (int64_t[]){ 1000, 2000, 4000 }, sizeof(sim->delays_ms));
	for (size_t i = 0; i < 2; i++)
		fair_tenant_init(&sim->workspaces[i].tenant);
	for (size_t i = 0; i < ENDPOINTS; i++)
		sim->endpoints[i] = (struct endpoint){ .workspace = &sim->workspaces[i / 2],
			.row = { .id = (int64_t)i + 1,
				.workspace_id = (int64_t)i / 2 + 1,
				.uuid = uuid_of(1, i),
				.ordered = i != ENDPOINTS - 1,
				.max_in_flight = 4,
				.failing_since_us = PG_NO_TIME },
			.schedule = { sim->delays_ms, 3, -1 },
			.live = true };
	for (size_t i = 0; i < CONVERSATIONS; i++)
		sim->last[i] = -1;
	sim->next_row = 1;
	sim_open(sim);
	return sim;
}

/* Discards everything in memory. */
static inline void sim_forget(struct sim *sim)
{
	struct delivery *d;

	deliveries_release(sim->shared.journal);
	journal_clear(sim->shared.journal);
	while ((d = TAILQ_FIRST(&sim->shared.in_flight))) {
		TAILQ_REMOVE(&sim->shared.in_flight, d, in_list);
		delivery_free(d);
	}
	sim->reading = false;
	reader_free(sim->at[0]);
	for (size_t i = 0; i < 2; i++)
		fair_tenant_init(&sim->workspaces[i].tenant);
	send_queue_clear(&sim->shared);
}

static inline void sim_free(struct sim *sim)
{
	sim_forget(sim);
	journal_free(sim->shared.journal);
	journal_free(sim->spare);
	plan_fini(&sim->plan);
	items_fini(&sim->rows);
	free(sim);
}

/* Events */

static inline struct event *event_at(const struct sim *sim, int64_t offset)
{
	struct event *e = mem_calloc(1, sizeof(*e));

	e->refs = 1;
	e->offset = offset;
	e->id = uuid_of(2, (uint64_t)offset);
	e->ordering = uuid_of(3, sim->conversation[offset]);
	e->read_mono_ms = sim->now;
	TAILQ_INIT(&e->deliveries);
	buf_add_str(&e->body, STR("{}"));
	buf_add_str(&e->record, STR("record"));
	return e;
}

static inline void sim_publish(struct sim *sim, size_t conversation)
{
	assert_true(sim->end < RECORDS_MAX);
	sim->conversation[sim->end] = (uint8_t)conversation;
	sim->before[sim->end] = sim->last[conversation];
	sim->last[conversation] = sim->end++;
}

static inline bool sim_is_held(struct sim *sim)
{
	size_t live = sim->others_live;

	for (size_t i = 0; i < ENDPOINTS; i++)
		live += sim->endpoints[i].live;
	return flow_control_holds(sim_partition(sim), live, sim->now);
}

/* The first reader reads the next record, if there is one and back-pressure permits it. */
static inline bool sim_read(struct sim *sim)
{
	struct partition *p = sim_partition(sim);
	int64_t offset = p->read < 0 ? 0 : p->read;
	struct event *e;

	if (sim_is_held(sim) || offset >= sim->end)
		return false;
	partition_skip_to(p, offset);
	e = event_at(sim, offset);
	for (size_t i = 0; i < ENDPOINTS; i++) {
		struct lane *l = sim_lane(sim, i);

		if (l->state != LANE_LIVE)
			continue;
		if (!lane_is_duplicate(&l->stream, e))
			lane_admit(&l->stream, e, HOLDS_PARTITION, sim->now);
		if (!lane_has_room(l))
			flow_control_lane_full(l, sim->now);
	}
	if (TAILQ_EMPTY(&e->deliveries))
		partition_count(p, OUTCOME_APPLIED);
	else
		partition_add_event(p, e);
	event_unref(e);
	return true;
}

static inline void sim_scan_end(struct sim *sim)
{
	sim->reading = false;
	scan_end(sim_partition(sim));
}

/* The catch-up reader reads one record. */
static inline bool sim_catch_up(struct sim *sim)
{
	struct partition *p = sim_partition(sim);
	struct event *e;
	struct feed *f;

	scan_finish_feeds(p);
	if (sim->reading && scan_is_empty(p))
		sim_scan_end(sim);
	if (!sim->reading) {
		sim->next = scan_start_offset(p, sim->now);
		if (sim->next == SCAN_NOWHERE || p->read < 0)
			return false;
		sim->reading = true;
	}
	scan_join(p, sim->next - 1, sim->next, sim->now);
	if (sim->next >= p->read) {
		scan_reach_end(p);
		sim_scan_end(sim);
		scan_finish_feeds(p);
		return false;
	}
	switch (scan_check_room(p, sim->now)) {
	case SCAN_WAITS:
		return false;
	case SCAN_ENDS:
		sim_scan_end(sim);
		return false;
	case SCAN_CONTINUES:
		break;
	}
	e = event_at(sim, sim->next++);
	TAILQ_FOREACH (f, &p->catching_up, in_catching_up) {
		if (!f->scanning)
			continue;
		assert_int_equal(f->position, e->offset);
		scan_advance(f, e->offset);
		if (e->offset < f->skip_from || e->offset >= f->skip_to)
			scan_admit(f, e, sim->now);
	}
	event_unref(e);
	scan_finish_feeds(p);
	if (scan_is_empty(p))
		sim_scan_end(sim);
	return true;
}

/* Sending */

static inline bool is_done(const struct sim *sim, size_t endpoint, int64_t offset)
{
	return sim->delivered[endpoint][offset] > 0 || sim->abandoned[endpoint][offset];
}

static inline size_t endpoint_of(const struct sim *sim, const struct delivery *d)
{
	return (size_t)(d->lane->endpoint - sim->endpoints);
}

/* Begins the next delivery; NULL: none can begin. Checks that the previous event of its conversation was delivered, exhausted or abandoned. */
static inline struct delivery *sim_send(struct sim *sim)
{
	struct delivery *d = send_queue_next(&sim->shared, sim->now);
	int64_t before;
	size_t i;

	if (!d)
		return NULL;
	i = endpoint_of(sim, d);
	before = sim->before[d->event->offset];
	if (sim->endpoints[i].row.ordered && before >= 0 && !is_done(sim, i, before))
		fail_msg("endpoint %zu: %lld overtakes %lld", i, (long long)d->event->offset, (long long)before);
	if (sim->delivered[i][d->event->offset] > sim->crashes)
		fail_msg("endpoint %zu: %lld is delivered again", i, (long long)d->event->offset);
	send_queue_begin(d, sim->now);
	assert_true(d->lane->in_flight <= (size_t)d->lane->endpoint->row.max_in_flight);
	return d;
}

static inline void sim_answer(struct sim *sim, struct delivery *d, enum exchange_class class)
{
	const struct result r = { class, -1, sim->now, (sim->now + 1700000000000) * 1000, 0.5 };
	size_t i = endpoint_of(sim, d);
	int64_t offset = d->event->offset;
	struct chain *c = d->chain;

	if (class == CLASS_SUCCESS)
		sim->delivered[i][offset]++;
	else
		snprintf(d->error, sizeof(d->error), "failed");
	send_queue_end(d);
	if (result_apply(d, &r)) {
		sim->endpoints[i].live = false;
		readers_endpoint_changed(&sim->readers, &sim->endpoints[i]);
	}
	if (d->state == DELIVERY_ENDED && (d->end == END_EXHAUSTED || d->end == END_ABANDONED))
		sim->abandoned[i][offset] = true;
	send_queue_done(c, sim->now);
}

/* PostgreSQL */

static inline struct db_row *rows_of(struct sim *sim)
{
	return ITEMS(&sim->rows, struct db_row);
}

static inline struct db_row *row_find(struct sim *sim, int64_t endpoint_id, int64_t offset)
{
	for (size_t i = 0; i < sim->rows.n; i++)
		if (rows_of(sim)[i].endpoint_id == endpoint_id && rows_of(sim)[i].offset == offset)
			return &rows_of(sim)[i];
	return NULL;
}

static inline void rows_insert(struct sim *sim)
{
	for (size_t i = 0; i < sim->plan.rows.n; i++) {
		struct retry_row *r = &ITEMS(&sim->plan.rows, struct retry_row)[i];
		struct db_row *row = row_find(sim, r->endpoint_id, r->offset);

		r->inserted = !row;
		if (!row) {
			row = ITEMS_ADD(&sim->rows, struct db_row);
			row->id = sim->next_row++;
			row->endpoint_id = r->endpoint_id;
			row->offset = r->offset;
			row->key = r->ordering_key;
			row->has_record = r->record.p != NULL;
			row->leased = r->status == RETRY_RETRYING;
			row->due_ms = r->delay_ms == RETRY_WAITS ? INT64_MAX : sim->now + r->delay_ms;
			row->failed_before = r->last_error.p != NULL;
		}
		r->id = row->id;
	}
}

static inline void rows_update(struct sim *sim)
{
	for (size_t i = 0; i < sim->plan.results.n; i++) {
		const struct retry_result *r = &ITEMS(&sim->plan.results, struct retry_result)[i];

		for (size_t k = 0; k < sim->rows.n; k++) {
			struct db_row *row = &rows_of(sim)[k];

			if (row->id != r->id)
				continue;
			row->leased = false;
			row->due_ms = r->delay_ms == RETRY_WAITS ? INT64_MAX : sim->now + r->delay_ms;
			row->retry_count = r->retry_count;
			row->failed_before = row->failed_before || r->last_error.p;
			if (r->status != RETRY_PENDING)
				*row = rows_of(sim)[--sim->rows.n];
			break;
		}
	}
}

/* Makes the oldest waiting row of a chain due, unless one is leased, due or scheduled (all: scheduled ones are made due, too). */
static inline void row_release(struct sim *sim, int64_t endpoint_id, const struct uuid *key, bool all)
{
	struct db_row *oldest = NULL;

	for (size_t i = 0; i < sim->rows.n; i++) {
		struct db_row *row = &rows_of(sim)[i];

		if (row->endpoint_id != endpoint_id || !uuid_eq(&row->key, key))
			continue;
		if (row->leased || (!all && row->due_ms != INT64_MAX))
			return;
		if (!oldest || row->offset < oldest->offset)
			oldest = row;
	}
	if (oldest)
		oldest->due_ms = sim->now;
}

static inline void endpoint_release(struct sim *sim, int64_t endpoint_id)
{
	for (size_t i = 0; i < sim->rows.n; i++)
		if (rows_of(sim)[i].endpoint_id == endpoint_id)
			row_release(sim, endpoint_id, &rows_of(sim)[i].key, true);
}

static inline void assert_safe_at(struct sim *sim, size_t endpoint, int64_t offset)
{
	if (!is_done(sim, endpoint, offset) && !row_find(sim, (int64_t)endpoint + 1, offset))
		fail_msg("endpoint %zu: %lld is lost", endpoint, (long long)offset);
}

/* Checks that an event that would not be read again after a crash was delivered, exhausted or abandoned, or has a row: events below the
 * partition's offset, or below the endpoint's position if it has one, and those from live_from up to the offset. */
static inline void assert_safe(struct sim *sim)
{
	for (size_t i = 0; i < ENDPOINTS; i++) {
		const struct position_row *at = &sim->positions[i];
		int64_t frontier = sim->positioned[i] ? at->next_offset : sim->committed;

		for (; sim->checked[i] < frontier; sim->checked[i]++)
			assert_safe_at(sim, i, sim->checked[i]);
		if (sim->positioned[i] && at->live_from != POSITION_NOT_LIVE)
			for (int64_t offset = at->live_from; offset < sim->committed; offset++)
				assert_safe_at(sim, i, offset);
	}
}

static inline void rows_written(struct sim *sim)
{
	for (size_t i = 0; i < sim->plan.rows.n; i++) {
		const struct retry_row *r = &ITEMS(&sim->plan.rows, struct retry_row)[i];
		struct lane *l = sim_lane(sim, (size_t)r->endpoint_id - 1);

		if (i < sim->spare->spills.n)
			delivery_set_row(ITEMS(&sim->spare->spills, struct delivery *)[i], r->id);
		else if (!r->inserted && chain_find(l, &r->ordering_key))
			lane_drop_row(l, &r->ordering_key, sim->now);
	}
}

/* A flush: writes all results in one commit. */
static inline void sim_flush(struct sim *sim)
{
	struct journal *full = sim->shared.journal;

	partition_relieve(sim_partition(sim), sim->now);
	sim->shared.journal = sim->spare;
	sim->spare = full;
	plan_make(&sim->plan, full, &sim->readers, CLAIM_NOTHING);
	rows_insert(sim);
	rows_update(sim);
	for (size_t i = 0; i < sim->plan.releases.n; i++) {
		const struct retry_key *k = &ITEMS(&sim->plan.releases, struct retry_key)[i];

		row_release(sim, k->endpoint_id, &k->ordering_key, false);
	}
	for (size_t i = 0; i < sim->plan.positions.n; i++) {
		const struct position_row *row = &ITEMS(&sim->plan.positions, struct position_row)[i];

		sim->positioned[row->endpoint_id - 1] = !row->gone;
		sim->positions[row->endpoint_id - 1] = *row;
	}
	for (size_t i = 0; i < full->endpoints.n; i++)
		endpoint_release(sim, ITEMS(&full->endpoints, struct endpoint_update)[i].key.endpoint_id);
	for (size_t i = 0; i < sim->plan.steps.n; i++) {
		const struct step *s = &ITEMS(&sim->plan.steps, struct step)[i];

		assert_int_equal(s->from, sim->committed);
		assert_true(s->to > s->from);
		sim->committed = s->to;
	}
	assert_safe(sim);
	rows_written(sim);
	deliveries_release(full);
	journal_clear(full);
	plan_clear(&sim->plan);
}

/* Claiming */

static inline void refetch_all(struct sim *sim)
{
	struct refetch_row *queued;

	while ((queued = TAILQ_FIRST(&sim_partition(sim)->refetch_queue))) {
		struct event *e = event_at(sim, queued->row.offset);

		lane_admit_refetched(queued, e, sim->now);
		event_unref(e);
	}
}

/* Admits or postpones a claimed row. Rows of one chain come in order. */
static inline void row_process(struct sim *sim, struct db_row *row, bool *postponed)
{
	struct lane *l = sim_lane(sim, (size_t)row->endpoint_id - 1);
	struct retry_row r = { .workspace_id = l->endpoint->row.workspace_id,
		.id = row->id,
		.endpoint_id = row->endpoint_id,
		.ordering_key = row->key,
		.offset = row->offset,
		.retry_count = row->retry_count,
		.last_error = row->failed_before ? STR("HTTP 503") : STR_NONE };
	int64_t delay = *postponed ? RETRY_WAITS : lane_row_delay_ms(l, &row->key, sim->now);
	struct chain *c;
	struct event *e;
	bool returns;

	row->leased = true;
	row->due_ms = sim->now + sim->settings.lease_ms;
	if (partition_has_row(sim_partition(sim), row->id, &returns)) {
		*postponed = *postponed || returns;
		return;
	}
	if (delay != 0) {
		*postponed = true;
		journal_add_result(sim->shared.journal, &r, RETRY_PENDING, delay, NULL);
		return;
	}
	c = chain_ensure(l, &row->key);
	if (!row->has_record || c->refetching > 0) {
		refetch_queue_add(sim_partition(sim), c, &r);
		return;
	}
	e = event_at(sim, row->offset);
	lane_admit_row(l, e, &r, sim->now);
	event_unref(e);
}

static inline struct db_row *row_next(struct sim *sim, int64_t endpoint_id, const struct uuid *key, int64_t beyond)
{
	struct db_row *next = NULL;

	for (size_t i = 0; i < sim->rows.n; i++) {
		struct db_row *row = &rows_of(sim)[i];

		if (row->endpoint_id == endpoint_id && uuid_eq(&row->key, key) && row->offset > beyond &&
			(!next || row->offset < next->offset))
			next = row;
	}
	return next;
}

/* Claims a due row, if there is one, and the rows that wait right behind it. */
static inline bool sim_claim(struct sim *sim)
{
	struct db_row *due = NULL;
	bool postponed = false;

	for (size_t i = 0; i < sim->rows.n; i++)
		if (rows_of(sim)[i].due_ms <= sim->now && (!due || rows_of(sim)[i].due_ms < due->due_ms))
			due = &rows_of(sim)[i];
	if (!due)
		return false;
	for (int i = 0; due && i <= BEHIND_MAX; i++) {
		row_process(sim, due, &postponed);
		due = row_next(sim, due->endpoint_id, &due->key, due->offset);
		if (due && due->due_ms != INT64_MAX)
			break;
	}
	return true;
}

/* A kill -9: everything in memory is lost, and another replica reads what PostgreSQL has. */
static inline void sim_crash(struct sim *sim)
{
	sim_forget(sim);
	sim->crashes++;
	sim_open(sim);
	for (size_t i = 0; i < ENDPOINTS; i++) {
		sim->endpoints[i].row.failing_since_us = PG_NO_TIME;
		if (!sim->endpoints[i].live)
			readers_endpoint_changed(&sim->readers, &sim->endpoints[i]);
		if (sim->positioned[i])
			lane_load_position(sim_lane(sim, i), &sim->positions[i]);
	}
	for (size_t i = 0; i < sim->rows.n; i++) {
		struct db_row *row = &rows_of(sim)[i];

		chain_add_row(chain_ensure(sim_lane(sim, (size_t)row->endpoint_id - 1), &row->key), row->offset);
		if (row->leased)
			row->due_ms = INT64_MAX;
		row->leased = false;
	}
	for (size_t i = 0; i < sim->rows.n; i++)
		row_release(sim, rows_of(sim)[i].endpoint_id, &rows_of(sim)[i].key, false);
}

#endif
