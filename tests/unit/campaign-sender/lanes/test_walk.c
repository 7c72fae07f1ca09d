/* services/campaign-sender/lanes: a million random steps keep the invariants of model.h: counters agree with lists, limits hold, no message is
 * sent twice or lost, whatever is paused, moved, revoked or crashes; and from every state reached, everything is sent. */
#include "world.h"

#define STEPS       1000000
#define DRAIN_EVERY 50000
#define SEED        23

static unsigned seed = SEED;

static size_t draw(size_t n)
{
	return (size_t)rand_r(&seed) % n;
}

static double drawn(void)
{
	return (double)draw(1000) / 1000;
}

/* Consistency */

static size_t list_count(const struct send_list *list, const struct segment *segment, bool of_segment)
{
	const struct send *s;
	size_t n = 0;

	TAILQ_FOREACH (s, list, in_list) {
		assert_int_equal(s->state, SEND_WAITING);
		n += !of_segment || s->segment == segment;
	}
	return n;
}

struct counted {
	size_t in_flight, chosen, listed;
};

static struct counted in_flight_count(const struct lane *lane, const struct segment *segment)
{
	struct counted c = { 0 };
	const struct send *s;

	TAILQ_FOREACH (s, &lane->in_flight, in_list) {
		if (segment && s->segment != segment)
			continue;
		c.listed++;
		c.in_flight += s->state != SEND_ANSWERED;
		c.chosen += s->state == SEND_CHOSEN;
	}
	return c;
}

static size_t segment_check(const struct segment *s)
{
	const struct counted c = in_flight_count(s->lane, s);

	assert_int_equal(s->n_queued, list_count(&s->queued, s, true));
	assert_int_equal(s->n_retries, list_count(&s->retries, s, true));
	assert_int_equal(s->n_delayed, list_count(&s->lane->delayed, s, true));
	assert_int_equal(s->in_flight, c.listed);
	assert_int_equal(s->n_chosen, c.chosen);
	assert_int_equal(s->n_chosen, 0);
	assert_true(s->n_queued + s->n_delayed <= LANE_FETCH_MAX);
	return s->n_queued + s->n_retries + s->n_delayed;
}

static size_t lane_check(const struct lane *lane)
{
	const struct counted c = in_flight_count(lane, NULL);
	const struct segment *s;
	size_t waiting = lane->n_direct + lane->n_unknown + lane->n_delayed;

	assert_int_equal(lane->n_direct, list_count(&lane->direct, NULL, true));
	assert_int_equal(lane->n_unknown, list_count(&lane->unknown, NULL, true));
	assert_int_equal(lane->n_delayed, list_count(&lane->delayed, NULL, true));
	assert_int_equal(lane->n_in_flight, c.in_flight);
	assert_int_equal(lane->n_listed, c.listed);
	assert_int_equal(lane->n_chosen, 0);
	TAILQ_FOREACH (s, &lane->segments, in_lane)
		waiting += segment_check(s);
	assert_int_equal(map_count(lane->sends), waiting + c.listed);
	assert_true(lane->n_in_flight <= (size_t)lane->limits.max_in_flight + lane->limits.bridge);
	return lane->n_in_flight;
}

static void assert_consistent(const struct world *w)
{
	const struct lane *lane;
	const struct send *s;
	size_t in_flight = 0;

	TAILQ_FOREACH (lane, &w->lanes.all, in_lanes)
		in_flight += lane_check(lane);
	assert_int_equal(in_flight, w->lanes.queue.slots.used);
	TAILQ_FOREACH (s, &w->lanes.orphans, in_list) {
		assert_null(s->lane);
		in_flight += s->state == SEND_IN_FLIGHT;
	}
	assert_int_equal(in_flight, w->lanes.in_flight);
	assert_int_equal(in_flight, w->n_in_flight);
	assert_true(in_flight <= MAX_IN_FLIGHT);
}

/* Steps */

static void answer_draw(struct world *w)
{
	struct send_answer a = { .attempted = true, .retry_after_ms = -1, .counts = true };
	size_t i = draw(w->n_in_flight), what = draw(100);

	if (what < 80) {
		a.account = ACCOUNT_SUCCEEDED;
		(void)answer(w, i, SEND_STATUS_SENT, &a, -1);
	} else if (what < 85) {
		a.account = ACCOUNT_LIMITED;
		(void)answer(w, i, SEND_STATUS_PENDING, &a, (int64_t)draw(3000));
	} else if (what < 92) {
		a.account = ACCOUNT_FAILED;
		a.code = STR("131000");
		(void)answer(w, i, SEND_STATUS_UNKNOWN, &a, (int64_t)draw(3000));
	} else if (what < 96) {
		a.account = ACCOUNT_FAILED;
		(void)answer(w, i, SEND_STATUS_PENDING, &a, 1000);
	} else {
		a.account = ACCOUNT_NEUTRAL;
		a.code = STR("131026");
		(void)answer(w, i, SEND_STATUS_FAILED, &a, -1);
	}
}

static struct db_segment *segment_draw(struct world *w)
{
	struct db_segment *s = &w->segments[draw(SEGMENTS_MAX)];

	return s->row.campaign_id && !s->row.done ? s : NULL;
}

static void campaign_toggle(struct world *w)
{
	struct db_segment *s = segment_draw(w);
	struct segment *in_memory;

	if (!s)
		return;
	s->running = !s->running;
	s->unnoticed = draw(10) == 0;
	if ((in_memory = segment_in_memory(w, s)) && !s->unnoticed)
		segment_run(in_memory, s->running, s->running, w->now);
}

static void segment_begin_move(struct world *w)
{
	struct db_segment *s = segment_draw(w);
	struct segment *in_memory = s ? segment_in_memory(w, s) : NULL;

	if (in_memory)
		segment_move(in_memory, draw(4) ? (s->row.account_id - 1) / 2 * 2 + 1 + (int64_t)draw(2) : 0, w->now);
}

/* The flush that moves segments. */
static void segments_move(struct world *w)
{
	struct segment **movable;
	size_t n;

	(void)flush(w, drawn()); /* what is in flight was marked */
	n = lanes_movable(&w->lanes, w->arena, &movable);
	for (size_t i = 0; i < n; i++) {
		struct db_segment *s = segment_of_campaign(w, movable[i]->row.campaign_id);

		if (movable[i]->row.cursor_id > s->row.cursor_id)
			s->row.cursor_id = movable[i]->row.cursor_id;
		s->row.account_id = movable[i]->row.moving_to;
		s->row.moving_to = 0;
		lane_drop_segment(movable[i]);
		segment_apply(w, s);
	}
}

/* What is certain of results that have no owner is all that is kept. */
static void orphans_settle(struct world *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->n_results; i++) {
		struct result *r = &w->results[i];

		if (r->send->lane || (r->status != SEND_STATUS_PENDING && r->status != SEND_STATUS_UNKNOWN))
			w->results[kept++] = *r;
		else
			send_release(&w->lanes, r->send, -1, w->now);
	}
	w->n_results = kept;
}

/* Another replica has them for a while: what was in flight here is unknown to it. */
static void owner_change(struct world *w)
{
	world_revoke(w);
	assert_consistent(w);
	for (size_t i = 0; i < ACCOUNTS; i++) {
		for (size_t k = 0; k < w->db[i].row.n_in_flight; k++)
			if (w->rows[w->db[i].in_flight[k]].status == SEND_STATUS_PENDING)
				row_unknown(w, w->db[i].in_flight[k], w->db[i].row.account_id, 1000);
		w->db[i].row.n_in_flight = 0;
	}
	while (w->n_in_flight > 0 && draw(3) > 0)
		answer_draw(w);
	orphans_settle(w);
	assert_consistent(w);
	world_acquire(w);
}

/* A commit fails: what was chosen and admitted was never begun, results are kept. */
static void flush_fail(struct world *w)
{
	struct send *chosen[MAX_IN_FLIGHT];
	size_t n = lanes_choose(&w->lanes, now_us(w), w->now, chosen, MAX_IN_FLIGHT), admitted = draw(n + 1);

	for (size_t i = 0; i < admitted; i++)
		admit(w, chosen[i], drawn());
	for (size_t i = 0; i < admitted; i++)
		send_forget(&w->lanes, chosen[i]);
	world_revoke(w);
	world_acquire(w);
}

static void segments_finish(struct world *w)
{
	for (size_t i = 0; i < SEGMENTS_MAX; i++) {
		struct db_segment *s = &w->segments[i];
		struct segment *in_memory = s->row.campaign_id && !s->row.done ? segment_in_memory(w, s) : NULL;
		bool waits = false;

		if (!in_memory || !s->running || !segment_is_finished(in_memory))
			continue;
		for (int64_t id = s->first; id <= s->last; id++) {
			const struct db_row *row = &w->rows[id];

			waits = waits || row->status == SEND_STATUS_PENDING;
			if (row->status == SEND_STATUS_PENDING && row->next_us == PG_NO_TIME && !s->unnoticed)
				fail_msg("row %lld was forgotten by its segment", (long long)id);
		}
		if (waits)
			continue;
		s->row.done = true;
		lane_drop_segment(in_memory);
	}
}

static void account_toggle(struct world *w)
{
	size_t i = draw(ACCOUNTS);

	w->usable[i] = draw(3) > 0;
	account_apply(w, i);
}

/* Rows that may not be sent now, and later may. */
static void rows_toggle(struct world *w)
{
	struct db_segment *s = segment_draw(w);

	for (size_t i = 0; s && i < 5; i++) {
		struct db_row *row = &w->rows[s->first + (int64_t)draw((size_t)(s->last - s->first + 1))];

		row->closed = draw(2);
	}
}

static void step(struct world *w)
{
	size_t what = draw(1000);

	if (what < 60) {
		if (w->open < 3000)
			(void)single_new(w, draw(ACCOUNTS), (uint16_t)draw(ADDRESSES));
	} else if (what < 64) {
		if (w->open < 3000)
			(void)campaign_new(w, draw(ACCOUNTS), 1 + draw(100), (uint16_t)draw(ADDRESSES));
	} else if (what < 300) {
		(void)flush(w, drawn());
	} else if (what < 700) {
		if (w->n_in_flight > 0)
			answer_draw(w);
	} else if (what < 960) {
		pass(w, (int64_t)draw(100));
	} else if (what < 963) {
		pass(w, (int64_t)draw(20000));
	} else if (what < 968) {
		account_toggle(w);
	} else if (what < 975) {
		campaign_toggle(w);
	} else if (what < 980) {
		segment_begin_move(w);
	} else if (what < 984) {
		segments_move(w);
	} else if (what < 986) {
		lane_pause(lane_at(w, draw(ACCOUNTS)), now_us(w) + (int64_t)draw(5000000), now_us(w), w->now);
	} else if (what < 992) {
		rows_toggle(w);
	} else if (what < 996) {
		segments_finish(w);
	} else if (what < 997) {
		if (draw(10) == 0)
			world_crash(w);
	} else if (what < 998) {
		owner_change(w);
	} else if (what < 999) {
		flush_fail(w);
	} else {
		w->lanes.stopped = draw(4) == 0;
	}
}

/* Everything may be sent, and is. */
static void drain(struct world *w)
{
	w->lanes.stopped = false;
	for (size_t i = 0; i < ACCOUNTS; i++) {
		w->usable[i] = true;
		account_apply(w, i);
	}
	for (size_t i = 0; i < SEGMENTS_MAX; i++) {
		struct db_segment *s = &w->segments[i];
		struct segment *in_memory = s->row.campaign_id && !s->row.done ? segment_in_memory(w, s) : NULL;

		for (int64_t id = s->first; s->row.campaign_id && id <= s->last; id++)
			w->rows[id].closed = false;
		s->running = true;
		if (!in_memory)
			continue;
		segment_move(in_memory, 0, w->now);
		segment_run(in_memory, true, true, w->now);
	}
	for (int turn = 0; w->open > 0; turn++) {
		int64_t due_ms;

		if (turn == 200000)
			fail_msg("%lld rows are left", (long long)w->open);
		(void)flush(w, 0.5);
		answer_all(w);
		(void)flush(w, 0.5);
		assert_consistent(w);
		due_ms = lanes_due_ms(&w->lanes);
		assert_true(due_ms < INT64_MAX);
		if (w->n_in_flight == 0)
			pass(w, due_ms <= w->now ? 1 : due_ms - w->now);
	}
	answer_all(w);
	segments_finish(w);
}

static void a_million_steps_at_random_keep_the_invariants(void **state)
{
	struct world *w = world_new();

	(void)state;
	for (int i = 1; i <= STEPS; i++) {
		step(w);
		assert_consistent(w);
		if (i % DRAIN_EVERY == 0)
			drain(w);
	}
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_million_steps_at_random_keep_the_invariants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
