/* services/webhook-dispatcher/lanes: a million random steps keep the invariants of its README: order, offsets that advance only past events that
 * are safe, no duplicates except after a crash, caps and bounds; and from every state reached, everything drains. */
#include "sim.h"

#define STEPS       1000000
#define DRAIN_EVERY 50000
#define SEED        17

static unsigned seed = SEED;

static size_t draw(size_t n)
{
	return (size_t)rand_r(&seed) % n;
}

static struct delivery *in_flight_draw(struct sim *sim)
{
	size_t n = send_queue_in_flight(&sim->shared), i = n > 0 ? draw(n) : 0;
	struct delivery *d = TAILQ_FIRST(&sim->shared.in_flight);

	for (; d && i > 0; i--)
		d = TAILQ_NEXT(d, in_list);
	return d;
}

/* Most attempts succeed; now and then an endpoint fails for a while. */
static enum exchange_class class_draw(const bool failing[ENDPOINTS], size_t endpoint)
{
	static const enum exchange_class seldom[] = { CLASS_CLIENT_ERROR, CLASS_RATE_LIMITED, CLASS_SERVER_ERROR,
		CLASS_TIMEOUT, CLASS_ABORTED, CLASS_REFUSED };

	if (failing[endpoint])
		return CLASS_SERVER_ERROR;
	return draw(20) > 0 ? CLASS_SUCCESS : seldom[draw(6)];
}

static void endpoint_toggle(struct sim *sim, size_t i)
{
	sim->endpoints[i].live = !sim->endpoints[i].live;
	readers_endpoint_changed(&sim->readers, &sim->endpoints[i]);
}

static void step(struct sim *sim, bool failing[ENDPOINTS])
{
	size_t what = draw(1000);
	struct delivery *d;

	if (what < 150) {
		if (sim->end < RECORDS_MAX - 1)
			sim_publish(sim, draw(CONVERSATIONS));
	} else if (what < 350) {
		(void)sim_read(sim);
	} else if (what < 550) {
		(void)sim_send(sim);
	} else if (what < 800) {
		if ((d = in_flight_draw(sim)))
			sim_answer(sim, d, class_draw(failing, endpoint_of(sim, d)));
	} else if (what < 900) {
		(void)sim_catch_up(sim);
	} else if (what < 940) {
		sim->now += (int64_t)draw(200);
		send_queue_wake(&sim->shared, sim->now);
	} else if (what < 960) {
		sim_flush(sim);
	} else if (what < 975) {
		(void)sim_claim(sim);
	} else if (what < 990) {
		refetch_all(sim);
	} else if (what < 994) {
		failing[draw(ENDPOINTS)] = draw(4) == 0;
	} else if (what < 997) {
		endpoint_toggle(sim, draw(ENDPOINTS));
	} else if (what < 998) {
		lane_fall_behind(sim_lane(sim, draw(ENDPOINTS)), sim->now);
	} else if (draw(20) == 0) {
		sim_crash(sim);
	}
}

/* Checks caps and bounds, and counters that must agree. */
static void assert_consistent(struct sim *sim)
{
	struct partition *p = sim_partition(sim);
	size_t in_flight = 0, i = 0;
	int64_t rows = 0;
	struct lane *l;

	while ((l = partition_each_lane(p, &i))) {
		assert_true(l->in_flight <= (size_t)l->endpoint->row.max_in_flight);
		assert_true(l->rows >= 0 && l->pending < 1000000);
		assert_true(l->state == LANE_BEHIND || l->endpoint->live);
		in_flight += l->in_flight;
		rows += l->rows;
	}
	assert_int_equal(rows, p->rows);
	assert_int_equal(in_flight, send_queue_in_flight(&sim->shared));
	assert_true(p->read < 0 || partition_commit_offset(p) <= p->read);
}

static bool is_idle(struct sim *sim)
{
	const struct partition *p = sim_partition(sim);

	for (size_t i = 0; i < ENDPOINTS; i++)
		if (sim_lane(sim, i)->state == LANE_BEHIND || sim_lane(sim, i)->pending > 0)
			return false;
	return sim->rows.n == 0 && p->read == sim->end && sim->committed == sim->end &&
		send_queue_in_flight(&sim->shared) == 0;
}

/* All endpoints answer: every event is delivered, and no row is left. */
static void drain(struct sim *sim)
{
	struct delivery *d;

	for (size_t i = 0; i < ENDPOINTS; i++)
		if (!sim->endpoints[i].live)
			endpoint_toggle(sim, i);
	for (int turn = 0; !is_idle(sim); turn++) {
		if (turn == 100000)
			fail_msg("%zu rows are left, offset %lld of %lld", sim->rows.n, (long long)sim->committed,
				(long long)sim->end);
		while (sim_read(sim))
			;
		while (sim_catch_up(sim))
			;
		while (sim_send(sim))
			;
		while ((d = TAILQ_FIRST(&sim->shared.in_flight)))
			sim_answer(sim, d, CLASS_SUCCESS);
		sim_flush(sim);
		while (sim_claim(sim))
			refetch_all(sim);
		sim->now += 100;
		send_queue_wake(&sim->shared, sim->now);
	}
	for (size_t i = 0; i < ENDPOINTS; i++) {
		assert_int_equal(sim_lane(sim, i)->rows, 0);
		assert_int_equal(map_count(sim_lane(sim, i)->chains), 0);
		assert_int_equal(sim->checked[i], sim->end);
	}
}

static void a_million_steps_at_random_keep_the_invariants(void **state)
{
	bool failing[ENDPOINTS] = { false };
	struct sim *sim = sim_new();

	(void)state;
	for (int i = 1; i <= STEPS; i++) {
		step(sim, failing);
		assert_consistent(sim);
		if (i % DRAIN_EVERY == 0)
			drain(sim);
	}
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_million_steps_at_random_keep_the_invariants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
