/* services/webhook-dispatcher/lanes: order, falling behind and catching up, spilling, circuit breaker, fairness; case by case. test_walk
 * combines them at random. */
#include "sim.h"

/* Publishes and reads a record for each letter, which is its conversation. */
static struct sim *sim_with(const char *conversations)
{
	struct sim *sim = sim_new();

	for (const char *c = conversations; *c; c++)
		sim_publish(sim, (size_t)(*c - 'a'));
	while (sim_read(sim))
		;
	return sim;
}

/* Only this endpoint is live. */
static struct sim *sim_alone(const char *conversations, size_t endpoint)
{
	struct sim *sim = sim_new();

	for (size_t i = 0; i < ENDPOINTS; i++)
		sim->endpoints[i].live = i == endpoint;
	for (const char *c = conversations; *c; c++)
		sim_publish(sim, (size_t)(*c - 'a'));
	while (sim_read(sim))
		;
	return sim;
}

static struct delivery *in_flight_at(struct sim *sim, int64_t offset)
{
	struct delivery *d;

	TAILQ_FOREACH (d, &sim->shared.in_flight, in_list)
		if (d->event->offset == offset)
			return d;
	fail_msg("%lld is not in flight", (long long)offset);
	return NULL;
}

/* Begins all deliveries that can begin. Returns their offsets, in this order. */
static const char *begun(struct sim *sim)
{
	static char text[200];
	struct delivery *d;
	size_t n = 0;

	text[0] = '\0';
	while ((d = sim_send(sim)))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%lld", n ? " " : "", (long long)d->event->offset);
	return text;
}

static const struct {
	const char *name;
	size_t endpoint;
	const char *conversations, *first;
	int64_t answered;
	enum exchange_class class;
	const char *then;
} orders[] = {
	{ "one of each conversation", 0, "aabba", "0 2", 0, CLASS_SUCCESS, "1" },
	{ "a failure keeps its conversation waiting", 0, "aabba", "0 2", 0, CLASS_SERVER_ERROR, "" },
	{ "a failure of another conversation does not", 0, "aabba", "0 2", 2, CLASS_SERVER_ERROR, "" },
	{ "so does an aborted attempt", 0, "aab", "0 2", 0, CLASS_ABORTED, "" },
	{ "no more than the endpoint's max_in_flight", 0, "abcdef", "0 1 2 3", 1, CLASS_SUCCESS, "4" },
	{ "without order nothing waits", ENDPOINTS - 1, "aaab", "0 1 2 3", 0, CLASS_SERVER_ERROR, "" },
	{ "except for max_in_flight", ENDPOINTS - 1, "aaaaab", "0 1 2 3", 3, CLASS_SERVER_ERROR, "4" },
};

static void events_of_a_conversation_are_delivered_one_at_a_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct sim *sim = sim_alone(orders[i].conversations, orders[i].endpoint);

		if (strcmp(begun(sim), orders[i].first) != 0)
			fail_msg("%s: at first not %s", orders[i].name, orders[i].first);
		sim_answer(sim, in_flight_at(sim, orders[i].answered), orders[i].class);
		if (strcmp(begun(sim), orders[i].then) != 0)
			fail_msg("%s: then not %s", orders[i].name, orders[i].then);
		sim_free(sim);
	}
}

static void later_events_of_a_failed_one_become_rows_that_wait_behind_it(void **state)
{
	struct sim *sim = sim_alone("aaab", 0);

	(void)state;
	(void)begun(sim);
	sim_answer(sim, in_flight_at(sim, 0), CLASS_SERVER_ERROR);
	sim_flush(sim);
	assert_int_equal(sim->rows.n, 3);
	assert_int_equal(row_find(sim, 1, 0)->due_ms, sim->now + 1000);
	assert_true(row_find(sim, 1, 0)->has_record);
	assert_int_equal(row_find(sim, 1, 1)->due_ms, INT64_MAX);
	assert_false(row_find(sim, 1, 2)->has_record); /* read again by its offset */
	assert_int_equal(sim->committed, 3); /* what is in flight holds it */
	assert_false(sim_claim(sim));
	sim->now += 1000;
	assert_true(sim_claim(sim));
	refetch_all(sim);
	assert_string_equal(begun(sim), "0");
	sim_answer(sim, in_flight_at(sim, 0), CLASS_SUCCESS);
	assert_string_equal(begun(sim), "1");
	sim_free(sim);
}

static void an_exhausted_delivery_is_followed_by_the_next(void **state)
{
	struct sim *sim = sim_alone("aa", 0);

	(void)state;
	for (int attempt = 0; attempt < 4; attempt++) {
		assert_string_equal(begun(sim), "0");
		sim_answer(sim, in_flight_at(sim, 0), CLASS_TIMEOUT);
		sim_flush(sim);
		sim->now += 8000;
		send_queue_wake(&sim->shared, sim->now);
		(void)sim_claim(sim);
		refetch_all(sim);
	}
	assert_true(sim->abandoned[0][0]);
	assert_string_equal(begun(sim), "1");
	sim_free(sim);
}

/* Deliveries below the position have rows, later events are read again. */
static void a_lane_that_falls_behind_keeps_rows_below_its_position_and_reads_the_rest_again(void **state)
{
	struct sim *sim = sim_alone("abcdabcd", 0);
	int64_t next, live_from;

	(void)state;
	(void)begun(sim);
	sim_answer(sim, in_flight_at(sim, 1), CLASS_SUCCESS);
	sim_answer(sim, in_flight_at(sim, 3), CLASS_SUCCESS); /* 0 and 2 are in flight; 5 and 7 begin next */
	assert_string_equal(begun(sim), "5 7");
	lane_fall_behind(sim_lane(sim, 0), sim->now);
	assert_true(lane_position(sim_lane(sim, 0), &next, &live_from));
	assert_int_equal(next, 8);
	assert_int_equal(live_from, POSITION_NOT_LIVE);
	sim_flush(sim);
	assert_int_equal(sim->committed, 8);
	assert_int_equal(sim->rows.n,
		6); /* 0, 2, 5 and 7 are leased to what is in flight; 4 and 6 wait behind 0 and 2 */
	assert_true(row_find(sim, 1, 5)->leased);
	assert_int_equal(row_find(sim, 1, 4)->due_ms, INT64_MAX);
	sim_free(sim);
}

static void a_lane_that_is_behind_admits_no_live_event_until_it_has_caught_up(void **state)
{
	struct sim *sim = sim_alone("ab", 0);
	struct lane *l = sim_lane(sim, 0);

	(void)state;
	lane_fall_behind(l, sim->now);
	assert_int_equal(l->pending, 0);
	sim_publish(sim, 2);
	assert_true(sim_read(sim));
	assert_int_equal(l->pending, 0);
	for (int i = 0; i < 2; i++)
		assert_true(sim_catch_up(sim));
	assert_int_equal(l->state, LANE_BEHIND);
	assert_true(sim_catch_up(sim));
	assert_int_equal(l->state, LANE_LIVE);
	assert_int_equal(l->live_from, 3);
	assert_string_equal(begun(sim), "0 1 2");
	sim_free(sim);
}

/* After catching up, a lane keeps a position at its first delivery that has not ended; live_from says from which offset it was fed live. */
static void a_crash_after_catching_up_repeats_only_unwritten_deliveries(void **state)
{
	struct sim *sim = sim_alone("ab", 0);

	(void)state;
	lane_fall_behind(sim_lane(sim, 0), sim->now);
	while (sim_catch_up(sim))
		;
	sim_publish(sim, 2);
	assert_true(sim_read(sim));
	assert_string_equal(begun(sim), "0 1 2");
	sim_answer(sim, in_flight_at(sim, 1), CLASS_SUCCESS);
	sim_answer(sim, in_flight_at(sim, 2), CLASS_SUCCESS);
	sim_flush(sim);
	assert_int_equal(sim->committed, 3);
	assert_int_equal(sim->positions[0].next_offset, 0);
	assert_int_equal(sim->positions[0].live_from, 2);
	sim_crash(sim);
	while (sim_catch_up(sim))
		;
	assert_string_equal(begun(sim), "0 1");
	sim_free(sim);
}

static void a_delivery_in_flight_for_too_long_gets_a_leased_row(void **state)
{
	struct sim *sim = sim_alone("aab", 0);

	(void)state;
	(void)begun(sim);
	sim_answer(sim, in_flight_at(sim, 2), CLASS_SUCCESS);
	sim_flush(sim);
	assert_int_equal(sim->committed, 0);
	sim->now += sim->settings.window_age_ms;
	sim_flush(sim);
	assert_int_equal(sim->committed, 3);
	assert_int_equal(sim->rows.n, 2);
	assert_true(row_find(sim, 1, 0)->leased);
	assert_int_equal(row_find(sim, 1, 1)->due_ms, INT64_MAX);
	sim_answer(sim, in_flight_at(sim, 0), CLASS_SUCCESS);
	sim_flush(sim);
	assert_int_equal(sim->rows.n, 1);
	assert_int_equal(row_find(sim, 1, 1)->due_ms, sim->now); /* it is due now */
	sim_free(sim);
}

/* A flush that waits for PostgreSQL claims rows whose lease has expired meanwhile, before the next one writes how they ended. */
static void a_row_does_not_overtake_one_whose_failure_is_not_written_yet(void **state)
{
	struct sim *sim = sim_alone("aa", 0);

	(void)state;
	assert_string_equal(begun(sim), "0");
	sim->now += sim->settings.window_age_ms;
	sim_flush(sim);
	assert_int_equal(row_find(sim, 1, 1)->due_ms, INT64_MAX); /* it waits behind the other */
	sim->now += sim->settings.lease_ms;
	sim_answer(sim, in_flight_at(sim, 0), CLASS_SERVER_ERROR);
	assert_true(sim_claim(sim));
	refetch_all(sim);
	assert_string_equal(begun(sim), "");
	sim_flush(sim);
	sim->now += 1000;
	assert_true(sim_claim(sim));
	refetch_all(sim);
	assert_string_equal(begun(sim), "0");
	sim_free(sim);
}

static void an_open_breaker_postpones_rows_and_makes_the_lane_fall_behind(void **state)
{
	struct sim *sim = sim_alone("aabbccddeeff", 0);
	struct lane *l = sim_lane(sim, 0);

	(void)state;
	for (int failed = 0; failed < sim->settings.breaker_failures; failed++) {
		(void)begun(sim);
		sim_answer(sim, TAILQ_FIRST(&sim->shared.in_flight), CLASS_SERVER_ERROR);
	}
	assert_true(pace_is_open(&l->pace) && l->state == LANE_BEHIND);
	assert_string_equal(begun(sim), "");
	assert_false(l->flow.runnable);
	sim_free(sim);
}

static void one_probe_closes_the_breaker(void **state)
{
	struct sim *sim = sim_alone("abcdef", 0);
	struct lane *l = sim_lane(sim, 0);

	(void)state;
	for (int failed = 0; failed < sim->settings.breaker_failures; failed++) {
		(void)begun(sim);
		sim_answer(sim, TAILQ_FIRST(&sim->shared.in_flight), CLASS_TIMEOUT);
	}
	while (send_queue_in_flight(&sim->shared) > 0)
		sim_answer(sim, TAILQ_FIRST(&sim->shared.in_flight), CLASS_TIMEOUT);
	sim_flush(sim);
	sim->now += 8000;
	send_queue_wake(&sim->shared, sim->now);
	while (sim_claim(sim))
		refetch_all(sim);
	assert_non_null(sim_send(sim));
	assert_null(sim_send(sim)); /* the probe is alone */
	sim_answer(sim, TAILQ_FIRST(&sim->shared.in_flight), CLASS_SUCCESS);
	assert_false(pace_is_open(&l->pace));
	assert_string_not_equal(begun(sim), "");
	sim_free(sim);
}

static void an_endpoint_that_answers_410_is_disabled_and_receives_nothing_more(void **state)
{
	struct sim *sim = sim_alone("aab", 0);
	const struct finding *f;

	(void)state;
	(void)begun(sim);
	sim_answer(sim, in_flight_at(sim, 0), CLASS_GONE);
	assert_false(sim->endpoints[0].live);
	assert_int_equal(sim_lane(sim, 0)->state, LANE_BEHIND);
	assert_string_equal(begun(sim), "");
	assert_int_equal(sim->shared.journal->findings.n, 1);
	f = ITEMS(&sim->shared.journal->findings, struct finding);
	assert_int_equal(f->change.finding, ENDPOINT_DISABLE);
	assert_string_equal(f->change.reason, "it answered 410 Gone");
	sim_free(sim);
}

#define TURN 17 /* deliveries of 514 bytes in a turn of 8,192, and one more */

/* Two workspaces of two endpoints each: the numbers of their deliveries differ by a turn at most. */
static void workspaces_take_turns(void **state)
{
	struct sim *sim = sim_with("abcdefabcdef");
	size_t of[2] = { 0, 0 };
	struct delivery *d;

	(void)state;
	while ((d = sim_send(sim))) {
		of[endpoint_of(sim, d) / 2]++;
		sim_answer(sim, d, CLASS_SUCCESS);
		assert_in_range(of[0] + TURN, of[1], of[1] + 2 * TURN);
	}
	assert_int_equal(of[0], 24);
	assert_int_equal(of[1], 24);
	sim_free(sim);
}

/* 24 slots and a share of a quarter: 6 for each while both have pending deliveries. */
static void a_workspace_that_hangs_holds_no_more_than_its_share(void **state)
{
	struct sim *sim = sim_with("abcdefabcdef");
	size_t held = 0;
	struct delivery *d;

	(void)state;
	sim->endpoints[0].row.max_in_flight = sim->endpoints[1].row.max_in_flight = 100;
	while ((d = sim_send(sim))) {
		if (endpoint_of(sim, d) / 2 == 1)
			sim_answer(sim, d, CLASS_SUCCESS);
		else if (sim_lane(sim, 2)->pending + sim_lane(sim, 3)->pending > 0)
			assert_true(++held <= 6);
	}
	assert_int_equal(held, 6);
	for (size_t i = 2; i < ENDPOINTS; i++)
		for (int64_t offset = 0; offset < sim->end; offset++)
			assert_true(is_done(sim, i, offset));
	sim_free(sim);
}

/* Back-pressure: endpoint 0 never answers and has no room, endpoint 1 (if it is live) answers at once. */
static const struct {
	const char *name;
	bool other_answers;
	size_t others_live;
	int64_t after_ms;
	bool held, behind;
} pressures[] = {
	{ "a full lane holds the partition", false, 0, 0, true, false },
	{ "the partition waits for one that is alone", false, 0, 59000, true, false },
	{ "for a second while there are other endpoints", false, 1, 999, true, false },
	{ "and no longer", false, 1, 1000, false, true },
	{ "for a tenth of a second while another one is idle", true, 0, 99, true, false },
	{ "and no longer than that", true, 0, 100, false, true },
};

static void a_full_lane_pauses_the_partition_or_falls_behind(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pressures) / sizeof(pressures[0]); i++) {
		struct sim *sim = sim_new();
		struct delivery *d;

		sim->others_live = pressures[i].others_live;
		for (size_t k = 0; k < ENDPOINTS; k++)
			sim->endpoints[k].live = k == 0 || (k == 1 && pressures[i].other_answers);
		for (int k = 0; k < 30; k++)
			sim_publish(sim, 0);
		while (sim_read(sim))
			while ((d = sim_send(sim)))
				if (endpoint_of(sim, d) == 1)
					sim_answer(sim, d, CLASS_SUCCESS);
		sim->now += pressures[i].after_ms;
		if (sim_is_held(sim) != pressures[i].held ||
			(sim_lane(sim, 0)->state == LANE_BEHIND) != pressures[i].behind)
			fail_msg("%s", pressures[i].name);
		sim_free(sim);
	}
}

static void a_full_window_is_not_read_until_its_oldest_event_is_done(void **state)
{
	struct sim *sim = sim_new();
	struct delivery *d;

	(void)state;
	sim->settings.window_events = 4;
	for (size_t i = 1; i < ENDPOINTS; i++)
		sim->endpoints[i].live = false;
	for (size_t i = 0; i < 6; i++)
		sim_publish(sim, i);
	while (sim_read(sim))
		;
	assert_int_equal(sim_partition(sim)->read, 4);
	d = sim_send(sim);
	assert_int_equal(d->event->offset, 0);
	sim_answer(sim, d, CLASS_SUCCESS);
	sim_flush(sim);
	assert_true(sim_read(sim));
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_of_a_conversation_are_delivered_one_at_a_time),
		cmocka_unit_test(later_events_of_a_failed_one_become_rows_that_wait_behind_it),
		cmocka_unit_test(an_exhausted_delivery_is_followed_by_the_next),
		cmocka_unit_test(a_lane_that_falls_behind_keeps_rows_below_its_position_and_reads_the_rest_again),
		cmocka_unit_test(a_lane_that_is_behind_admits_no_live_event_until_it_has_caught_up),
		cmocka_unit_test(a_crash_after_catching_up_repeats_only_unwritten_deliveries),
		cmocka_unit_test(a_delivery_in_flight_for_too_long_gets_a_leased_row),
		cmocka_unit_test(a_row_does_not_overtake_one_whose_failure_is_not_written_yet),
		cmocka_unit_test(an_open_breaker_postpones_rows_and_makes_the_lane_fall_behind),
		cmocka_unit_test(one_probe_closes_the_breaker),
		cmocka_unit_test(an_endpoint_that_answers_410_is_disabled_and_receives_nothing_more),
		cmocka_unit_test(a_full_lane_pauses_the_partition_or_falls_behind),
		cmocka_unit_test(a_full_window_is_not_read_until_its_oldest_event_is_done),
		cmocka_unit_test(workspaces_take_turns),
		cmocka_unit_test(a_workspace_that_hangs_holds_no_more_than_its_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
