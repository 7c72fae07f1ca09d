/* services/webhook-dispatcher/lanes: order, falling behind and coming back, spilling, circuit breaker, turns; case by case. test_walk draws
 * them at random. */
#include "sim.h"

/* Reads `n` records of the conversations that the text names, a letter each. */
static struct sim *sim_with(const char *conversations)
{
	struct sim *w = sim_new();

	for (const char *c = conversations; *c; c++)
		sim_publish(w, (size_t)(*c - 'a'));
	while (sim_read(w))
		;
	return w;
}

/* Only this endpoint is live. */
static struct sim *sim_alone(const char *conversations, size_t endpoint)
{
	struct sim *w = sim_new();

	for (size_t i = 0; i < ENDPOINTS; i++)
		w->endpoints[i].live = i == endpoint;
	for (const char *c = conversations; *c; c++)
		sim_publish(w, (size_t)(*c - 'a'));
	while (sim_read(w))
		;
	return w;
}

static struct delivery *in_flight_at(struct sim *w, int64_t offset)
{
	struct delivery *d;

	TAILQ_FOREACH (d, &w->shared.in_flight, in_list)
		if (d->event->offset == offset)
			return d;
	fail_msg("%lld is not in flight", (long long)offset);
	return NULL;
}

/* What begins at once, as offsets in the order of their beginning. */
static const char *begun(struct sim *w)
{
	static char text[200];
	struct delivery *d;
	size_t n = 0;

	text[0] = '\0';
	while ((d = sim_send(w)))
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
	{ "one that is aborted, too", 0, "aab", "0 2", 0, CLASS_ABORTED, "" },
	{ "no more than the endpoint takes", 0, "abcdef", "0 1 2 3", 1, CLASS_SUCCESS, "4" },
	{ "without order nothing waits", ENDPOINTS - 1, "aaab", "0 1 2 3", 0, CLASS_SERVER_ERROR, "" },
	{ "but for its cap", ENDPOINTS - 1, "aaaaab", "0 1 2 3", 3, CLASS_SERVER_ERROR, "4" },
};

static void conversations_go_one_at_a_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct sim *w = sim_alone(orders[i].conversations, orders[i].endpoint);

		if (strcmp(begun(w), orders[i].first) != 0)
			fail_msg("%s: at first not %s", orders[i].name, orders[i].first);
		sim_answer(w, in_flight_at(w, orders[i].answered), orders[i].class);
		if (strcmp(begun(w), orders[i].then) != 0)
			fail_msg("%s: then not %s", orders[i].name, orders[i].then);
		sim_free(w);
	}
}

static void later_events_of_a_failed_one_become_rows_that_wait_behind_it(void **state)
{
	struct sim *w = sim_alone("aaab", 0);

	(void)state;
	(void)begun(w);
	sim_answer(w, in_flight_at(w, 0), CLASS_SERVER_ERROR);
	sim_flush(w);
	assert_int_equal(w->rows.n, 3);
	assert_int_equal(row_find(w, 1, 0)->due_ms, w->now + 1000);
	assert_true(row_find(w, 1, 0)->has_record);
	assert_int_equal(row_find(w, 1, 1)->due_ms, INT64_MAX);
	assert_false(row_find(w, 1, 2)->has_record); /* read again by its offset */
	assert_int_equal(w->committed, 3); /* what is in flight holds it */
	assert_false(sim_claim(w));
	w->now += 1000;
	assert_true(sim_claim(w));
	refetch_all(w);
	assert_string_equal(begun(w), "0");
	sim_answer(w, in_flight_at(w, 0), CLASS_SUCCESS);
	assert_string_equal(begun(w), "1");
	sim_free(w);
}

static void a_last_failure_makes_room_for_the_next(void **state)
{
	struct sim *w = sim_alone("aa", 0);

	(void)state;
	for (int attempt = 0; attempt < 4; attempt++) {
		assert_string_equal(begun(w), "0");
		sim_answer(w, in_flight_at(w, 0), CLASS_TIMEOUT);
		sim_flush(w);
		w->now += 8000;
		send_queue_wake(&w->shared, w->now);
		(void)sim_claim(w);
		refetch_all(w);
	}
	assert_true(w->undelivered[0][0]);
	assert_string_equal(begun(w), "1");
	sim_free(w);
}

/* Falling behind: below the position are rows, beyond it what is read again. */
static void a_lane_that_falls_behind_keeps_rows_below_its_position_and_reads_the_rest_again(void **state)
{
	struct sim *w = sim_alone("abcdabcd", 0);
	int64_t next, live_from;

	(void)state;
	(void)begun(w);
	sim_answer(w, in_flight_at(w, 1), CLASS_SUCCESS);
	sim_answer(w, in_flight_at(w, 3), CLASS_SUCCESS); /* 0 and 2 are in flight; 5 and 7 begin next */
	assert_string_equal(begun(w), "5 7");
	lane_fall_behind(sim_lane(w, 0), w->now);
	assert_true(lane_position(sim_lane(w, 0), &next, &live_from));
	assert_int_equal(next, 8);
	assert_int_equal(live_from, POSITION_NOT_LIVE);
	sim_flush(w);
	assert_int_equal(w->committed, 8);
	assert_int_equal(w->rows.n, 6); /* 0, 2, 5 and 7 are leased to what is in flight; 4 and 6 wait behind 0 and 2 */
	assert_true(row_find(w, 1, 5)->leased);
	assert_int_equal(row_find(w, 1, 4)->due_ms, INT64_MAX);
	sim_free(w);
}

static void nothing_is_admitted_for_a_lane_that_is_behind_until_it_has_caught_up(void **state)
{
	struct sim *w = sim_alone("ab", 0);
	struct lane *l = sim_lane(w, 0);

	(void)state;
	lane_fall_behind(l, w->now);
	assert_int_equal(l->waiting, 0);
	sim_publish(w, 2);
	assert_true(sim_read(w));
	assert_int_equal(l->waiting, 0);
	for (int i = 0; i < 2; i++)
		assert_true(sim_catch_up(w));
	assert_int_equal(l->state, LANE_BEHIND);
	assert_true(sim_catch_up(w));
	assert_int_equal(l->state, LANE_LIVE);
	assert_int_equal(l->live_from, 3);
	assert_string_equal(begun(w), "0 1 2");
	sim_free(w);
}

/* Live again, its position stays where the first delivery has not ended, and says from where on it was fed live. */
static void a_kill_after_coming_back_repeats_only_what_was_not_written(void **state)
{
	struct sim *w = sim_alone("ab", 0);

	(void)state;
	lane_fall_behind(sim_lane(w, 0), w->now);
	while (sim_catch_up(w))
		;
	sim_publish(w, 2);
	assert_true(sim_read(w));
	assert_string_equal(begun(w), "0 1 2");
	sim_answer(w, in_flight_at(w, 1), CLASS_SUCCESS);
	sim_answer(w, in_flight_at(w, 2), CLASS_SUCCESS);
	sim_flush(w);
	assert_int_equal(w->committed, 3);
	assert_int_equal(w->positions[0].next_offset, 0);
	assert_int_equal(w->positions[0].live_from, 2);
	sim_crash(w);
	while (sim_catch_up(w))
		;
	assert_string_equal(begun(w), "0 1");
	sim_free(w);
}

static void what_is_in_flight_for_too_long_gets_a_row_that_is_leased_to_it(void **state)
{
	struct sim *w = sim_alone("aab", 0);

	(void)state;
	(void)begun(w);
	sim_answer(w, in_flight_at(w, 2), CLASS_SUCCESS);
	sim_flush(w);
	assert_int_equal(w->committed, 0);
	w->now += w->settings.window_age_ms;
	sim_flush(w);
	assert_int_equal(w->committed, 3);
	assert_int_equal(w->rows.n, 2);
	assert_true(row_find(w, 1, 0)->leased);
	assert_int_equal(row_find(w, 1, 1)->due_ms, INT64_MAX);
	sim_answer(w, in_flight_at(w, 0), CLASS_SUCCESS);
	sim_flush(w);
	assert_int_equal(w->rows.n, 1);
	assert_int_equal(row_find(w, 1, 1)->due_ms, w->now); /* its turn has come */
	sim_free(w);
}

static void an_open_breaker_postpones_rows_and_makes_the_lane_fall_behind(void **state)
{
	struct sim *w = sim_alone("aabbccddeeff", 0);
	struct lane *l = sim_lane(w, 0);

	(void)state;
	for (int failed = 0; failed < w->settings.breaker_failures; failed++) {
		(void)begun(w);
		sim_answer(w, TAILQ_FIRST(&w->shared.in_flight), CLASS_SERVER_ERROR);
	}
	assert_true(pace_is_open(&l->pace) && l->state == LANE_BEHIND);
	assert_string_equal(begun(w), "");
	assert_false(l->flow.runnable);
	sim_free(w);
}

static void one_probe_closes_the_breaker(void **state)
{
	struct sim *w = sim_alone("abcdef", 0);
	struct lane *l = sim_lane(w, 0);

	(void)state;
	for (int failed = 0; failed < w->settings.breaker_failures; failed++) {
		(void)begun(w);
		sim_answer(w, TAILQ_FIRST(&w->shared.in_flight), CLASS_TIMEOUT);
	}
	while (send_queue_in_flight(&w->shared) > 0)
		sim_answer(w, TAILQ_FIRST(&w->shared.in_flight), CLASS_TIMEOUT);
	sim_flush(w);
	w->now += 8000;
	send_queue_wake(&w->shared, w->now);
	while (sim_claim(w))
		refetch_all(w);
	assert_non_null(sim_send(w));
	assert_null(sim_send(w)); /* the probe is alone */
	sim_answer(w, TAILQ_FIRST(&w->shared.in_flight), CLASS_SUCCESS);
	assert_false(pace_is_open(&l->pace));
	assert_string_not_equal(begun(w), "");
	sim_free(w);
}

static void an_endpoint_that_is_gone_is_turned_off_and_gets_nothing_more(void **state)
{
	struct sim *w = sim_alone("aab", 0);
	const struct finding *f;

	(void)state;
	(void)begun(w);
	sim_answer(w, in_flight_at(w, 0), CLASS_GONE);
	assert_false(w->endpoints[0].live);
	assert_int_equal(sim_lane(w, 0)->state, LANE_BEHIND);
	assert_string_equal(begun(w), "");
	assert_int_equal(w->shared.journal->findings.n, 1);
	f = ITEMS(&w->shared.journal->findings, struct finding);
	assert_int_equal(f->change.finding, ENDPOINT_DISABLE);
	assert_string_equal(f->change.reason, "it answered 410 Gone");
	sim_free(w);
}

#define TURN 17 /* deliveries of 514 bytes in a turn of 8,192, and one more */

/* Two workspaces of two endpoints each: what they have begun differs by a turn at most. */
static void workspaces_take_turns(void **state)
{
	struct sim *w = sim_with("abcdefabcdef");
	size_t of[2] = { 0, 0 };
	struct delivery *d;

	(void)state;
	while ((d = sim_send(w))) {
		of[endpoint_of(w, d) / 2]++;
		sim_answer(w, d, CLASS_SUCCESS);
		assert_in_range(of[0] + TURN, of[1], of[1] + 2 * TURN);
	}
	assert_int_equal(of[0], 24);
	assert_int_equal(of[1], 24);
	sim_free(w);
}

/* 24 slots and a share of a quarter: 6 for each while both want some. */
static void a_workspace_that_hangs_holds_no_more_than_its_share(void **state)
{
	struct sim *w = sim_with("abcdefabcdef");
	size_t held = 0;
	struct delivery *d;

	(void)state;
	w->endpoints[0].row.max_in_flight = w->endpoints[1].row.max_in_flight = 100;
	while ((d = sim_send(w))) {
		if (endpoint_of(w, d) / 2 == 1)
			sim_answer(w, d, CLASS_SUCCESS);
		else if (sim_lane(w, 2)->waiting + sim_lane(w, 3)->waiting > 0)
			assert_true(++held <= 6);
	}
	assert_int_equal(held, 6);
	for (size_t i = 2; i < ENDPOINTS; i++)
		for (int64_t offset = 0; offset < w->end; offset++)
			assert_true(is_done(w, i, offset));
	sim_free(w);
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
	{ "alone it is waited for", false, 0, 59000, true, false },
	{ "while others may have something to do, for a second", false, 1, 999, true, false },
	{ "and no longer", false, 1, 1000, false, true },
	{ "while another has nothing to do, for a tenth of a second", true, 0, 99, true, false },
	{ "and no longer than that", true, 0, 100, false, true },
};

static void a_full_lane_is_waited_for_or_falls_behind(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pressures) / sizeof(pressures[0]); i++) {
		struct sim *w = sim_new();
		struct delivery *d;

		w->others_live = pressures[i].others_live;
		for (size_t k = 0; k < ENDPOINTS; k++)
			w->endpoints[k].live = k == 0 || (k == 1 && pressures[i].other_answers);
		for (int k = 0; k < 30; k++)
			sim_publish(w, 0);
		while (sim_read(w))
			while ((d = sim_send(w)))
				if (endpoint_of(w, d) == 1)
					sim_answer(w, d, CLASS_SUCCESS);
		w->now += pressures[i].after_ms;
		if (sim_is_held(w) != pressures[i].held ||
			(sim_lane(w, 0)->state == LANE_BEHIND) != pressures[i].behind)
			fail_msg("%s", pressures[i].name);
		sim_free(w);
	}
}

static void a_full_window_is_not_read_until_its_oldest_event_is_done(void **state)
{
	struct sim *w = sim_new();
	struct delivery *d;

	(void)state;
	w->settings.window_events = 4;
	for (size_t i = 1; i < ENDPOINTS; i++)
		w->endpoints[i].live = false;
	for (size_t i = 0; i < 6; i++)
		sim_publish(w, i);
	while (sim_read(w))
		;
	assert_int_equal(sim_partition(w)->read, 4);
	d = sim_send(w);
	assert_int_equal(d->event->offset, 0);
	sim_answer(w, d, CLASS_SUCCESS);
	sim_flush(w);
	assert_true(sim_read(w));
	sim_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conversations_go_one_at_a_time),
		cmocka_unit_test(later_events_of_a_failed_one_become_rows_that_wait_behind_it),
		cmocka_unit_test(a_last_failure_makes_room_for_the_next),
		cmocka_unit_test(a_lane_that_falls_behind_keeps_rows_below_its_position_and_reads_the_rest_again),
		cmocka_unit_test(nothing_is_admitted_for_a_lane_that_is_behind_until_it_has_caught_up),
		cmocka_unit_test(a_kill_after_coming_back_repeats_only_what_was_not_written),
		cmocka_unit_test(what_is_in_flight_for_too_long_gets_a_row_that_is_leased_to_it),
		cmocka_unit_test(an_open_breaker_postpones_rows_and_makes_the_lane_fall_behind),
		cmocka_unit_test(one_probe_closes_the_breaker),
		cmocka_unit_test(an_endpoint_that_is_gone_is_turned_off_and_gets_nothing_more),
		cmocka_unit_test(a_full_lane_is_waited_for_or_falls_behind),
		cmocka_unit_test(a_full_window_is_not_read_until_its_oldest_event_is_done),
		cmocka_unit_test(workspaces_take_turns),
		cmocka_unit_test(a_workspace_that_hangs_holds_no_more_than_its_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
