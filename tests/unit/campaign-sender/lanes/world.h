/* Lanes over rows in memory that stand for PostgreSQL. Tests decide what is due, when a flush runs, what requests end with, and what time it is.
 *
 * The world also knows what providers know: which message was posted. It checks when a request begins that its id is marked and that nothing is
 * sent twice, and when a flush has committed that no cursor has passed a row that still waits. */
#ifndef TESTS_LANES_WORLD_H
#define TESTS_LANES_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#include "base/arena.h"
#include "campaign-sender/lanes/lanes.h"

#define ACCOUNTS       6 /* two of each of three workspaces; the last one of each is a bridge's */
#define WORKSPACES     3
#define SEGMENTS_MAX   24
#define MAX_IN_FLIGHT  20
#define META_IN_FLIGHT 8
#define META_PER_S     20
#define META_BURST     10
#define ADDRESSES      500
#define PAIR_US        INT64_C(6000000)
#define WINDOW         32 /* last messages of an account whose times are kept */
#define LISTED_MAX     SEND_LANE_IN_FLIGHT_MAX
#define ROWS_MAX       2000000

struct db_row {
	int64_t campaign, account; /* account: where a single or unknown one waits; 0: in its segment */
	int64_t next_us;
	int16_t segment;
	uint16_t address;
	uint8_t status; /* enum send_status */
	bool posted; /* the provider may have it */
	bool closed; /* the check says that it may not be sent now */
	int64_t deadline_us; /* 0: none */
};

struct db_segment {
	struct campaign_segment row;
	int64_t first, last; /* ids of its campaign */
	bool running;
	bool unnoticed; /* a change of running has not been notified yet */
};

struct db_ids {
	int64_t *at;
	size_t n, cap;
};

struct db_lane {
	struct send_lane row;
	int64_t in_flight[LISTED_MAX];
	struct db_ids waiting; /* single and unknown rows, some of which have ended */
};

struct result {
	struct send *send;
	enum send_status status;
	int64_t delay_ms;
};

struct world {
	int64_t now;
	struct lanes lanes;
	struct arena *arena;
	bool usable[ACCOUNTS];
	/* PostgreSQL. */
	struct db_row *rows; /* [id] */
	int64_t next_id, open; /* open: rows that have not ended */
	struct db_lane db[ACCOUNTS];
	struct db_segment segments[SEGMENTS_MAX];
	int64_t next_campaign;
	/* The process. */
	struct send *in_flight[MAX_IN_FLIGHT * 4];
	size_t n_in_flight;
	struct result results[4096];
	size_t n_results;
	/* What providers know. */
	int64_t times[ACCOUNTS][WINDOW];
	size_t sent[ACCOUNTS];
	int64_t pair_us[ACCOUNTS][ADDRESSES];
};

static inline int64_t now_us(const struct world *w)
{
	return INT64_C(1700000000000000) + w->now * 1000;
}

static inline bool is_bridge(size_t account)
{
	return account % 2 == 1;
}

static inline struct lane *lane_at(const struct world *w, size_t account)
{
	return lanes_find(&w->lanes, (int64_t)account + 1);
}

static inline struct lane_account account_of(const struct world *w, size_t account)
{
	struct lane_account a = { .usable = w->usable[account] };

	if (is_bridge(account))
		a.limits = (struct lane_limits){
			.rate = gcra_limit_of(60, 60000000, 5), .max_in_flight = 1, .bridge = true, .warmed = true
		};
	else
		a.limits = (struct lane_limits){ .rate = gcra_limit_of(META_PER_S, 1000000, META_BURST),
			.max_in_flight = META_IN_FLIGHT };
	return a;
}

static inline void account_apply(struct world *w, size_t account)
{
	const struct lane_account a = account_of(w, account);
	struct lane *lane = lane_at(w, account);

	if (lane)
		lane_account(lane, &a, now_us(w), w->now);
}

static inline bool row_is_open(const struct db_row *row)
{
	return row->status == SEND_STATUS_PENDING || row->status == SEND_STATUS_UNKNOWN;
}

static inline struct segment *segment_in_memory(const struct world *w, const struct db_segment *s)
{
	const struct lane *lane = lanes_find(&w->lanes, s->row.account_id);

	return lane ? lane_find_segment(lane, s->row.campaign_id, s->row.segment) : NULL;
}

static inline void segment_apply(struct world *w, struct db_segment *s)
{
	struct lane *lane = lanes_find(&w->lanes, s->row.account_id);

	if (!lane || s->row.campaign_id == 0 || s->row.done)
		return;
	(void)lane_segment(lane, &s->row, s->running, w->now);
	s->unnoticed = false;
}

static inline void row_wait_at(struct world *w, int64_t id, int64_t account_id, int64_t next_us)
{
	struct db_ids *ids = &w->db[account_id - 1].waiting;

	w->rows[id].account = account_id;
	w->rows[id].next_us = next_us;
	for (size_t i = 0; i < ids->n; i++)
		if (ids->at[i] == id)
			return;
	if (ids->n == ids->cap)
		ids->at = mem_realloc_array(ids->at, ids->cap = ids->cap ? ids->cap * 2 : 64, sizeof(*ids->at));
	ids->at[ids->n++] = id;
}

static inline void row_unknown(struct world *w, int64_t id, int64_t account_id, int64_t delay_ms)
{
	w->rows[id].status = SEND_STATUS_UNKNOWN;
	row_wait_at(w, id, account_id, now_us(w) + delay_ms * 1000);
}

/* What an owner does with ids of which it knows nothing. */
static inline void lane_recover(struct world *w, size_t account)
{
	const struct db_lane *db = &w->db[account];

	for (size_t i = 0; i < db->row.n_in_flight; i++)
		if (!lanes_knows(&w->lanes, db->row.account_id, db->in_flight[i]) &&
			w->rows[db->in_flight[i]].status == SEND_STATUS_PENDING)
			row_unknown(w, db->in_flight[i], db->row.account_id, 1000);
}

/* All partitions are acquired. */
static inline void world_acquire(struct world *w)
{
	for (size_t i = 0; i < ACCOUNTS; i++) {
		(void)lanes_open(&w->lanes, &w->db[i].row, w->now);
		lane_recover(w, i);
		account_apply(w, i);
	}
	for (size_t i = 0; i < SEGMENTS_MAX; i++)
		segment_apply(w, &w->segments[i]);
}

static inline struct world *world_new(void)
{
	struct world *w = mem_calloc(1, sizeof(*w));

	w->now = 1000000;
	w->arena = arena_new(65536);
	w->rows = mem_calloc(ROWS_MAX, sizeof(*w->rows));
	w->next_id = w->next_campaign = 1;
	lanes_init(&w->lanes, MAX_IN_FLIGHT, 10000);
	for (size_t i = 0; i < ACCOUNTS; i++) {
		w->usable[i] = true;
		w->db[i].row = (struct send_lane){ .workspace_id = (int64_t)i / 2 + 1,
			.account_id = (int64_t)i + 1,
			.partition = (int32_t)i,
			.next_us = PG_NO_TIME,
			.run_left = -1,
			.paused_until_us = PG_NO_TIME,
			.held_at_us = PG_NO_TIME,
			.held_until_us = PG_NO_TIME,
			.in_flight = w->db[i].in_flight };
	}
	world_acquire(w);
	return w;
}

static inline void world_free(struct world *w)
{
	lanes_fini(&w->lanes);
	arena_free(w->arena);
	for (size_t i = 0; i < ACCOUNTS; i++)
		free(w->db[i].waiting.at);
	free(w->rows);
	free(w);
}

/* Rows */

static inline int64_t row_new(struct world *w, uint16_t address)
{
	int64_t id = w->next_id++;

	assert_true(id < ROWS_MAX);
	w->rows[id] = (struct db_row){ .address = address, .next_us = PG_NO_TIME, .status = SEND_STATUS_PENDING };
	w->open++;
	return id;
}

static inline int64_t single_new(struct world *w, size_t account, uint16_t address)
{
	int64_t id = row_new(w, address);

	row_wait_at(w, id, (int64_t)account + 1, now_us(w));
	(void)lanes_wake(&w->lanes, (int64_t)account + 1, w->now);
	return id;
}

/* Whether a row of it may yet be sent. */
static inline bool segment_is_open(const struct world *w, const struct db_segment *s)
{
	for (int64_t id = s->first; s->row.campaign_id && id <= s->last; id++)
		if (row_is_open(&w->rows[id]))
			return true;
	return false;
}

/* A campaign of one segment. NULL: there are SEGMENTS_MAX with open rows. */
static inline struct db_segment *campaign_new(struct world *w, size_t account, size_t rows, uint16_t address)
{
	for (size_t i = 0; i < SEGMENTS_MAX; i++) {
		struct db_segment *s = &w->segments[i];

		if (segment_is_open(w, s) || (s->row.campaign_id && !s->row.done))
			continue;
		*s = (struct db_segment){ .row = { .workspace_id = (int64_t)account / 2 + 1,
						  .campaign_id = w->next_campaign++,
						  .segment = 1,
						  .account_id = (int64_t)account + 1 },
			.first = w->next_id,
			.running = true };
		for (size_t k = 0; k < rows; k++) {
			int64_t id = row_new(w, (uint16_t)((address + k) % ADDRESSES));

			w->rows[id].campaign = s->row.campaign_id;
			w->rows[id].segment = 1;
		}
		s->last = w->next_id - 1;
		segment_apply(w, s);
		return s;
	}
	return NULL;
}

static inline struct db_segment *segment_of_campaign(struct world *w, int64_t campaign)
{
	for (size_t i = 0; i < SEGMENTS_MAX; i++)
		if (w->segments[i].row.campaign_id == campaign)
			return &w->segments[i];
	return NULL;
}

/* Fetching */

static inline bool put(struct world *w, struct lane *lane, struct segment *s, int64_t id)
{
	const struct db_row *row = &w->rows[id];
	char address[16];
	const struct send_row fetched = { .workspace_id = lane->row.workspace_id,
		.id = id,
		.campaign_id = row->campaign,
		.segment = row->segment,
		.address = { address, (size_t)snprintf(address, sizeof(address), "%d", row->address) },
		.status = row->status,
		.next_attempt_us = row->next_us,
		.deadline_us = row->deadline_us ? row->deadline_us : PG_NO_TIME,
		.content = STR("content") };

	return lane_put(lane, s, &fetched, w->now);
}

static inline bool is_known(const struct fetch_plan *plan, int64_t id)
{
	for (size_t i = 0; i < plan->n_known; i++)
		if (plan->known[i] == id)
			return true;
	return false;
}

/* Rows must be new: those in memory were named. */
static inline void fetch_due(struct world *w, const struct fetch_plan *plan, size_t place)
{
	struct lane *lane = plan->due_lanes[place];
	struct db_ids *ids = &w->db[lane->row.account_id - 1].waiting;
	int32_t room = plan->due[place].room;
	size_t kept = 0;

	for (size_t i = 0; i < ids->n; i++) {
		const struct db_row *row = &w->rows[ids->at[i]];

		if (row->account != lane->row.account_id || !row_is_open(row))
			continue;
		ids->at[kept++] = ids->at[i];
		if (room > 0 && row->next_us <= now_us(w) && !is_known(plan, ids->at[i])) {
			assert_true(put(w, lane, NULL, ids->at[i]));
			room--;
		}
	}
	ids->n = kept;
}

static inline void fetch_retries(struct world *w, const struct fetch_plan *plan, size_t place)
{
	const struct db_segment *s = segment_of_campaign(w, plan->retries[place].campaign_id);
	int32_t room = plan->retries[place].room;

	for (int64_t id = s->first; s->running && id <= s->last && room > 0; id++) {
		const struct db_row *row = &w->rows[id];

		if (row->status != SEND_STATUS_PENDING || row->next_us == PG_NO_TIME || row->next_us > now_us(w) ||
			is_known(plan, id))
			continue;
		assert_true(put(w, plan->retry_segments[place]->lane, plan->retry_segments[place], id));
		room--;
	}
}

static inline void fetch_ahead(struct world *w, const struct fetch_plan *plan, size_t place)
{
	const struct db_segment *s = segment_of_campaign(w, plan->ahead[place].campaign_id);
	int64_t id = plan->ahead[place].after_id + 1, last = 0;
	size_t room = (size_t)plan->ahead[place].room, n = 0;

	for (id = id < s->first ? s->first : id; s->running && id <= s->last && n < room; id++) {
		if (w->rows[id].status != SEND_STATUS_PENDING || w->rows[id].next_us != PG_NO_TIME)
			continue;
		(void)put(w, plan->segments[place]->lane, plan->segments[place], id);
		last = id;
		n++;
	}
	segment_fetched(plan->segments[place], n, room, last);
}

static inline void fetch(struct world *w)
{
	struct fetch_plan plan;

	lanes_plan_fetch(&w->lanes, w->now, w->arena, &plan);
	for (size_t i = 0; i < plan.n_due; i++)
		fetch_due(w, &plan, i);
	for (size_t i = 0; i < plan.n_retries; i++)
		fetch_retries(w, &plan, i);
	for (size_t i = 0; i < plan.n_ahead; i++)
		fetch_ahead(w, &plan, i);
}

/* The flush */

static inline void row_end(struct world *w, int64_t id, enum send_status status)
{
	w->rows[id].status = (uint8_t)status;
	w->open--;
}

/* Unknown rows do not keep a segment from being done. */
static inline void segment_reopen(struct world *w, int64_t campaign)
{
	struct db_segment *s = segment_of_campaign(w, campaign);

	if (!s->row.done)
		return;
	s->row.done = false;
	segment_apply(w, s);
}

/* Writes a result, as store_sends_results() does: only to rows that are pending or unknown. */
static inline void result_write(struct world *w, const struct result *r)
{
	int64_t id = r->send->row.id;
	struct db_row *row = &w->rows[id];

	if (!row_is_open(row))
		return;
	if (r->status == SEND_STATUS_PENDING) {
		if (row->status == SEND_STATUS_UNKNOWN && !r->send->resolves)
			return; /* an orphan's: the new owner has decided */
		row->posted = false;
		row->status = SEND_STATUS_PENDING;
		row->account = 0;
		row->next_us = now_us(w) + r->delay_ms * 1000;
		if (row->campaign == 0)
			row_wait_at(w, id, r->send->account_id, row->next_us);
		else
			segment_reopen(w, row->campaign);
	} else if (r->status == SEND_STATUS_UNKNOWN) {
		row_unknown(w, id, r->send->account_id, r->delay_ms);
	} else {
		row_end(w, id, r->status);
	}
}

static inline void results_write(struct world *w)
{
	for (size_t i = 0; i < w->n_results; i++)
		result_write(w, &w->results[i]);
}

static inline void results_release(struct world *w)
{
	for (size_t i = 0; i < w->n_results; i++)
		send_release(&w->lanes, w->results[i].send, w->results[i].delay_ms, w->now);
	w->n_results = 0;
}

static inline void segment_write(struct world *w, const struct campaign_segment *row)
{
	struct db_segment *s = segment_of_campaign(w, row->campaign_id);

	if (row->cursor_id > s->row.cursor_id)
		s->row.cursor_id = row->cursor_id;
	s->row.moving_to = row->moving_to;
}

static inline void lane_write(struct world *w, const struct send_lane *row)
{
	struct db_lane *db = &w->db[row->account_id - 1];

	assert_true(row->n_in_flight <= LISTED_MAX);
	memcpy(db->in_flight, row->in_flight, row->n_in_flight * sizeof(int64_t));
	db->row = *row;
	db->row.in_flight = db->in_flight;
}

static inline void mark(struct world *w)
{
	struct campaign_segment *segments;
	struct send_lane *lanes;
	size_t n = lanes_changed(&w->lanes, w->arena, &lanes);

	for (size_t i = 0; i < n; i++)
		lane_write(w, &lanes[i]);
	n = lanes_changed_segments(&w->lanes, w->arena, &segments);
	for (size_t i = 0; i < n; i++)
		segment_write(w, &segments[i]);
}

static inline bool is_marked(const struct world *w, int64_t account_id, int64_t id)
{
	const struct db_lane *db = &w->db[account_id - 1];

	for (size_t i = 0; i < db->row.n_in_flight; i++)
		if (db->in_flight[i] == id)
			return true;
	return false;
}

/* Rows up to a cursor are not fetched by it any more: each has ended, or is found in another way. */
static inline void assert_cursors(const struct world *w)
{
	for (size_t i = 0; i < SEGMENTS_MAX; i++) {
		const struct db_segment *s = &w->segments[i];

		for (int64_t id = s->first; s->row.campaign_id && id <= s->row.cursor_id; id++)
			if (w->rows[id].status == SEND_STATUS_PENDING && w->rows[id].next_us == PG_NO_TIME &&
				!is_marked(w, s->row.account_id, id))
				fail_msg("row %lld is lost below cursor %lld", (long long)id,
					(long long)s->row.cursor_id);
	}
}

/* The rate: in no window that ends now has an account begun more than its burst and what the rate adds. */
static inline void assert_rate(struct world *w, size_t account)
{
	const struct lane_account a = account_of(w, account);

	for (size_t k = 1; k <= WINDOW && k <= w->sent[account]; k++) {
		int64_t span = now_us(w) - w->times[account][(w->sent[account] - k) % WINDOW];

		if ((int64_t)k > a.limits.rate.burst + span / a.limits.rate.interval_us)
			fail_msg("account %zu: %zu messages in %lld us", account, k, (long long)span);
	}
}

static inline void assert_pair(struct world *w, size_t account, const struct send *s)
{
	int64_t *last = &w->pair_us[account][w->rows[s->row.id].address];

	if (s->row.campaign_id && *last != 0 && now_us(w) - *last < PAIR_US)
		fail_msg("row %lld follows its pair's after %lld us", (long long)s->row.id,
			(long long)(now_us(w) - *last));
	*last = now_us(w);
}

/* Neither its account, the lane, the campaign nor a restore forbids it. */
static inline void assert_may_begin(struct world *w, const struct send *s)
{
	const struct db_segment *segment = s->segment ? segment_of_campaign(w, s->row.campaign_id) : NULL;

	assert_false(w->lanes.stopped);
	assert_true(w->usable[s->account_id - 1]);
	assert_true(s->lane->row.paused_until_us <= now_us(w));
	assert_true(!segment || ((segment->running || segment->unnoticed) && s->segment->row.moving_to == 0));
}

static inline void begin(struct world *w, struct send *s)
{
	struct db_row *row = &w->rows[s->row.id];
	size_t account = (size_t)s->account_id - 1;

	assert_true(is_marked(w, s->account_id, s->row.id));
	assert_true(w->n_in_flight < MAX_IN_FLIGHT);
	w->in_flight[w->n_in_flight++] = s;
	if (s->resolves)
		return;
	assert_int_equal(row->status, SEND_STATUS_PENDING);
	if (row->posted)
		fail_msg("row %lld is sent twice", (long long)s->row.id);
	assert_may_begin(w, s);
	row->posted = true;
	w->times[account][w->sent[account]++ % WINDOW] = now_us(w);
	assert_rate(w, account);
	assert_pair(w, account, s);
}

static inline void admit(struct world *w, struct send *s, double random)
{
	const struct limit_use use = { .campaign = s->segment, .random = { random, random, random } };

	send_admit(s, &use, now_us(w), w->now);
}

/* What the check says: true, it is admitted. */
static inline bool check(struct world *w, struct send *s, double random)
{
	int64_t id = s->row.id;

	if (w->rows[id].closed) {
		send_drop(s);
		return false;
	}
	admit(w, s, random);
	return true;
}

/* Requests that were admitted begin after the commit. Returns their number. */
static inline size_t flush(struct world *w, double random)
{
	struct send *chosen[MAX_IN_FLIGHT];
	size_t n, admitted = 0;

	arena_reset(w->arena);
	results_write(w);
	n = lanes_choose(&w->lanes, now_us(w), w->now, chosen, MAX_IN_FLIGHT);
	for (size_t i = 0; i < n; i++)
		if (check(w, chosen[i], random))
			chosen[admitted++] = chosen[i];
	mark(w);
	fetch(w);
	assert_cursors(w);
	results_release(w);
	for (size_t i = 0; i < admitted; i++)
		begin(w, chosen[i]);
	return admitted;
}

/* Its request ends. */
static inline bool answer(struct world *w, size_t i, enum send_status status, const struct send_answer *a,
	int64_t delay_ms)
{
	struct send *s = w->in_flight[i];
	bool stopped = send_answered(s, a, now_us(w), w->now);

	assert_true(w->n_results < sizeof(w->results) / sizeof(w->results[0]));
	w->results[w->n_results++] = (struct result){ s, status, delay_ms };
	w->in_flight[i] = w->in_flight[--w->n_in_flight];
	return stopped;
}

static inline void answer_all(struct world *w)
{
	const struct send_answer sent = { .account = ACCOUNT_SUCCEEDED, .attempted = true, .retry_after_ms = -1 };

	while (w->n_in_flight > 0)
		(void)answer(w, 0, SEND_STATUS_SENT, &sent, -1);
}

static inline void pass(struct world *w, int64_t ms)
{
	w->now += ms;
}

/* The partitions were revoked; answers of requests in flight still come. */
static inline void world_revoke(struct world *w)
{
	lanes_clear(&w->lanes);
}

/* The process ends, and another one begins. */
static inline void world_crash(struct world *w)
{
	lanes_fini(&w->lanes);
	lanes_init(&w->lanes, MAX_IN_FLIGHT, 10000);
	w->n_in_flight = w->n_results = 0;
	memset(w->pair_us, 0, sizeof(w->pair_us));
	world_acquire(w);
}

#endif
