/* services/webhook-dispatcher/lanes: a million steps drawn at random keep the invariants of its README: order, offsets that pass only what is
 * safe, nothing twice but after a kill, caps and bounds; and from wherever that leads, everything drains. */
#include "sim.h"

#define STEPS       1000000
#define DRAIN_EVERY 50000
#define SEED        17

static unsigned seed = SEED;

static size_t draw(size_t n)
{
	return (size_t)rand_r(&seed) % n;
}

static struct delivery *in_flight_draw(struct sim *w)
{
	size_t n = send_queue_in_flight(&w->shared), i = n > 0 ? draw(n) : 0;
	struct delivery *d = TAILQ_FIRST(&w->shared.in_flight);

	for (; d && i > 0; i--)
		d = TAILQ_NEXT(d, in_list);
	return d;
}

/* Most succeed; now and then an endpoint fails for a while. */
static enum exchange_class class_draw(const bool failing[ENDPOINTS], size_t endpoint)
{
	static const enum exchange_class seldom[] = { CLASS_CLIENT_ERROR, CLASS_RATE_LIMITED, CLASS_SERVER_ERROR,
		CLASS_TIMEOUT, CLASS_ABORTED, CLASS_REFUSED };

	if (failing[endpoint])
		return CLASS_SERVER_ERROR;
	return draw(20) > 0 ? CLASS_SUCCESS : seldom[draw(6)];
}

static void endpoint_toggle(struct sim *w, size_t i)
{
	w->endpoints[i].live = !w->endpoints[i].live;
	readers_endpoint_changed(&w->readers, &w->endpoints[i]);
}

static void step(struct sim *w, bool failing[ENDPOINTS])
{
	size_t what = draw(1000);
	struct delivery *d;

	if (what < 150) {
		if (w->end < RECORDS_MAX - 1)
			sim_publish(w, draw(CONVERSATIONS));
	} else if (what < 350) {
		(void)sim_read(w);
	} else if (what < 550) {
		(void)sim_send(w);
	} else if (what < 800) {
		if ((d = in_flight_draw(w)))
			sim_answer(w, d, class_draw(failing, endpoint_of(w, d)));
	} else if (what < 900) {
		(void)sim_catch_up(w);
	} else if (what < 940) {
		w->now += (int64_t)draw(200);
		send_queue_wake(&w->shared, w->now);
	} else if (what < 960) {
		sim_flush(w);
	} else if (what < 975) {
		(void)sim_claim(w);
	} else if (what < 990) {
		refetch_all(w);
	} else if (what < 994) {
		failing[draw(ENDPOINTS)] = draw(4) == 0;
	} else if (what < 997) {
		endpoint_toggle(w, draw(ENDPOINTS));
	} else if (what < 998) {
		lane_fall_behind(sim_lane(w, draw(ENDPOINTS)), w->now);
	} else if (draw(20) == 0) {
		sim_crash(w);
	}
}

/* Caps and bounds, and what is counted twice. */
static void assert_consistent(struct sim *w)
{
	struct partition *p = sim_partition(w);
	size_t in_flight = 0, i = 0;
	int64_t rows = 0;
	struct lane *l;

	while ((l = partition_each_lane(p, &i))) {
		assert_true(l->in_flight <= (size_t)l->endpoint->row.max_in_flight);
		assert_true(l->rows >= 0 && l->waiting < 1000000);
		assert_true(l->state == LANE_BEHIND || l->endpoint->live);
		in_flight += l->in_flight;
		rows += l->rows;
	}
	assert_int_equal(rows, p->rows);
	assert_int_equal(in_flight, send_queue_in_flight(&w->shared));
	assert_true(p->read < 0 || partition_commit_offset(p) <= p->read);
}

static bool is_idle(struct sim *w)
{
	const struct partition *p = sim_partition(w);

	for (size_t i = 0; i < ENDPOINTS; i++)
		if (sim_lane(w, i)->state == LANE_BEHIND || sim_lane(w, i)->waiting > 0)
			return false;
	return w->rows.n == 0 && p->read == w->end && w->committed == w->end && send_queue_in_flight(&w->shared) == 0;
}

/* Everything answers: whatever happened before, all of it is delivered and nothing is left. */
static void drain(struct sim *w)
{
	struct delivery *d;

	for (size_t i = 0; i < ENDPOINTS; i++)
		if (!w->endpoints[i].live)
			endpoint_toggle(w, i);
	for (int turn = 0; !is_idle(w); turn++) {
		if (turn == 100000)
			fail_msg("%zu rows are left, offset %lld of %lld", w->rows.n, (long long)w->committed,
				(long long)w->end);
		while (sim_read(w))
			;
		while (sim_catch_up(w))
			;
		while (sim_send(w))
			;
		while ((d = TAILQ_FIRST(&w->shared.in_flight)))
			sim_answer(w, d, CLASS_SUCCESS);
		sim_flush(w);
		while (sim_claim(w))
			refetch_all(w);
		w->now += 100;
		send_queue_wake(&w->shared, w->now);
	}
	for (size_t i = 0; i < ENDPOINTS; i++) {
		assert_int_equal(sim_lane(w, i)->rows, 0);
		assert_int_equal(map_count(sim_lane(w, i)->chains), 0);
		assert_int_equal(w->checked[i], w->end);
	}
}

static void a_million_steps_at_random_keep_the_invariants(void **state)
{
	bool failing[ENDPOINTS] = { false };
	struct sim *w = sim_new();

	(void)state;
	for (int i = 1; i <= STEPS; i++) {
		step(w, failing);
		assert_consistent(w);
		if (i % DRAIN_EVERY == 0)
			drain(w);
	}
	sim_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_million_steps_at_random_keep_the_invariants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
