/* services/campaign-sender/lanes: what is sent next, what waits and until when, what is fetched, and how far a cursor moves. */
#include "world.h"

static const struct send_answer succeeded = { .account = ACCOUNT_SUCCEEDED, .attempted = true, .retry_after_ms = -1 };
static const struct send_answer failed = { .account = ACCOUNT_FAILED, .attempted = true, .retry_after_ms = -1 };

/* An account without rates. */
static void account_open(struct world *w, size_t account, int32_t max_in_flight, bool bridge)
{
	const struct lane_account a = { .usable = true,
		.limits = { .max_in_flight = max_in_flight, .bridge = bridge, .warmed = true } };

	lane_account(lane_at(w, account), &a, now_us(w), w->now);
}

static struct send *choose(struct world *w)
{
	struct send *s = NULL;

	return lanes_choose(&w->lanes, now_us(w), w->now, &s, 1) ? s : NULL;
}

/* Begins the next one; NULL: there is none. */
static struct send *send_next(struct world *w)
{
	struct send *s = choose(w);

	if (s)
		admit(w, s, 0.5);
	return s;
}

static void finish(struct world *w, struct send *s, const struct send_answer *a)
{
	int64_t id = s->row.id;

	(void)send_answered(s, a, now_us(w), w->now);
	row_end(w, id, SEND_STATUS_SENT);
	send_release(&w->lanes, s, -1, w->now);
}

/* Sends up to n, each answered before the next. In the order of sending: the number of a campaign, "." of a single message. */
static const char *sent(struct world *w, size_t n)
{
	static char out[128];
	struct send *s;
	size_t i = 0;

	assert_true(n < sizeof(out));
	for (; i < n && (s = send_next(w)); i++) {
		out[i] = (char)(s->row.campaign_id ? '0' + s->row.campaign_id : '.');
		finish(w, s, &succeeded);
	}
	out[i] = '\0';
	return out;
}

static void single_messages_come_first_and_campaigns_take_turns_of_eight(void **state)
{
	struct world *w = world_new();

	(void)state;
	account_open(w, 0, 100, false);
	(void)campaign_new(w, 0, 20, 0);
	(void)campaign_new(w, 0, 10, 100);
	(void)campaign_new(w, 0, 3, 200);
	fetch(w);
	assert_string_equal(sent(w, 4), "1111");
	(void)single_new(w, 0, 300);
	(void)single_new(w, 0, 301);
	fetch(w);
	assert_string_equal(sent(w, 100), "..11112222222233311111111221111");
	world_free(w);
}

/* Two workspaces, one of which has a hundred times as many messages: until the small one has none left, their numbers differ by a turn at most. */
static void workspaces_take_turns_whatever_they_have(void **state)
{
	struct world *w = world_new();
	int64_t of[WORKSPACES] = { 0 };
	struct send *s;

	(void)state;
	for (size_t i = 0; i < ACCOUNTS; i++)
		account_open(w, i, 100, false);
	for (size_t i = 0; i < 8; i++)
		(void)campaign_new(w, i % 2, 200, (uint16_t)(i * 50));
	(void)campaign_new(w, 2, 16, 0);
	fetch(w);
	while (of[1] < 16) {
		assert_non_null(s = send_next(w));
		of[s->row.workspace_id - 1]++;
		finish(w, s, &succeeded);
		assert_in_range(of[0] - of[1] + LANE_QUANTUM, 0, 2 * LANE_QUANTUM);
	}
	world_free(w);
}

static size_t begun_of(struct world *w, int64_t workspace)
{
	size_t n = 0;
	struct send *s;

	while ((s = send_next(w)))
		n += s->row.workspace_id == workspace;
	return n;
}

static void a_workspace_alone_uses_all_slots(void **state)
{
	struct world *w = world_new();

	(void)state;
	account_open(w, 0, 100, false);
	(void)campaign_new(w, 0, 50, 0);
	fetch(w);
	assert_int_equal(begun_of(w, 1), MAX_IN_FLIGHT);
	assert_int_equal(w->lanes.in_flight, MAX_IN_FLIGHT);
	world_free(w);
}

/* As long as others have messages to send, one holds a third of the slots at most (pacing/share.h). */
static void a_workspace_that_hangs_leaves_slots_to_others(void **state)
{
	struct world *w = world_new();
	size_t hangs = 0, answered = 0;
	struct send *s;

	(void)state;
	account_open(w, 0, 100, false);
	account_open(w, 2, 100, false);
	(void)campaign_new(w, 0, 100, 0);
	(void)campaign_new(w, 2, 100, 0);
	fetch(w);
	while (answered < 100) {
		assert_non_null(s = send_next(w));
		hangs += s->row.workspace_id == 1;
		if (s->row.workspace_id == 1)
			continue;
		finish(w, s, &succeeded);
		answered++;
		assert_true(hangs <= 10);
	}
	assert_true(hangs > 5);
	world_free(w);
}

static const struct {
	const char *name;
	bool bridge;
	int32_t max;
	size_t campaigns, singles;
	size_t of_campaigns, of_singles; /* that begin */
} slots[] = {
	{ "a bridge sends one message of a campaign at a time", true, 1, 5, 0, 1, 0 },
	{ "and one more for a single message", true, 1, 5, 5, 0, 2 },
	{ "which does not make room for a second of a campaign", true, 1, 5, 1, 0, 1 },
	{ "a lane of Meta has as many as its rate allows", false, 8, 20, 0, 8, 0 },
	{ "single messages are among them", false, 8, 20, 3, 5, 3 },
};

static void a_lane_has_a_bound_of_requests_in_flight(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
		struct world *w = world_new();
		size_t of[2] = { 0, 0 };
		struct send *s;

		account_open(w, 0, slots[i].max, slots[i].bridge);
		(void)campaign_new(w, 0, slots[i].campaigns, 0);
		for (size_t k = 0; k < slots[i].singles; k++)
			(void)single_new(w, 0, (uint16_t)(100 + k));
		fetch(w);
		while ((s = send_next(w)))
			of[s->row.campaign_id == 0]++;
		if (of[0] != slots[i].of_campaigns || of[1] != slots[i].of_singles)
			fail_msg("%s: %zu and %zu", slots[i].name, of[0], of[1]);
		world_free(w);
	}
}

/* A bridge's campaign message is in flight: a single one begins beside it, a second one does not. */
static void a_single_message_does_not_wait_for_a_campaigns_on_a_bridge(void **state)
{
	struct world *w = world_new();
	struct send *s;

	(void)state;
	account_open(w, 0, 1, true);
	(void)campaign_new(w, 0, 5, 0);
	fetch(w);
	assert_non_null(s = send_next(w));
	assert_int_equal(s->row.campaign_id, 1);
	(void)single_new(w, 0, 100);
	(void)single_new(w, 0, 101);
	fetch(w);
	assert_non_null(s = send_next(w));
	assert_int_equal(s->row.campaign_id, 0);
	assert_null(send_next(w));
	world_free(w);
}

/* 20 a second, 10 at once. */
static void a_lane_at_its_rate_sleeps_and_blocks_no_other(void **state)
{
	struct world *w = world_new();
	int64_t due_ms;

	(void)state;
	(void)campaign_new(w, 0, 30, 0);
	account_open(w, 2, 100, false);
	(void)campaign_new(w, 2, 12, 0);
	fetch(w);
	assert_int_equal(strlen(sent(w, 100)), 10 + 12);
	fetch(w);
	due_ms = lanes_due_ms(&w->lanes);
	assert_in_range(due_ms - w->now, 1, 50);
	pass(w, due_ms - w->now);
	assert_string_equal(sent(w, 100), "1");
	world_free(w);
}

static void a_pause_in_the_row_holds_in_a_new_process(void **state)
{
	struct world *w = world_new();

	(void)state;
	account_open(w, 0, 100, false);
	lane_pause(lane_at(w, 0), now_us(w) + 5000000, now_us(w), w->now);
	mark(w);
	world_crash(w);
	account_open(w, 0, 100, false);
	(void)single_new(w, 0, 1);
	fetch(w);
	assert_null(send_next(w));
	pass(w, 5000);
	assert_non_null(send_next(w));
	world_free(w);
}

static void a_provider_that_limits_pauses_the_lane_also_in_its_row(void **state)
{
	const struct send_answer limited = { .account = ACCOUNT_LIMITED, .attempted = true, .retry_after_ms = 3000 };
	struct world *w = world_new();

	(void)state;
	account_open(w, 0, 100, false);
	(void)campaign_new(w, 0, 10, 0);
	fetch(w);
	finish(w, send_next(w), &limited);
	assert_int_equal(lane_at(w, 0)->row.paused_until_us, now_us(w) + 3000000);
	assert_null(send_next(w));
	pass(w, 2999);
	assert_null(send_next(w));
	pass(w, 1);
	assert_string_equal(sent(w, 100), "1"); /* the rate was learned: it begins at one a second */
	world_free(w);
}

static void the_probe_of_an_open_breaker_is_a_campaigns_message(void **state)
{
	struct world *w = world_new();
	struct send *probe;

	(void)state;
	account_open(w, 0, 100, false);
	(void)campaign_new(w, 0, 10, 0);
	for (uint16_t i = 0; i < 10; i++)
		(void)single_new(w, 0, (uint16_t)(100 + i));
	fetch(w);
	for (int i = 0; i < 5; i++)
		finish(w, send_next(w), &failed);
	assert_null(send_next(w));
	pass(w, 1000);
	assert_non_null(probe = send_next(w));
	assert_int_equal(probe->row.campaign_id, 1);
	assert_null(send_next(w)); /* the probe is alone */
	finish(w, probe, &failed);
	pass(w, 1999);
	assert_null(send_next(w)); /* twice the pause */
	pass(w, 1);
	assert_non_null(probe = send_next(w));
	finish(w, probe, &succeeded);
	assert_string_equal(sent(w, 100), ".....11111111");
	world_free(w);
}

static void a_pair_at_its_rate_delays_that_recipient_only(void **state)
{
	struct world *w = world_new();

	(void)state;
	account_open(w, 0, 100, false);
	(void)campaign_new(w, 0, 3, 10);
	fetch(w);
	assert_string_equal(sent(w, 1), "1"); /* to 10 */
	(void)campaign_new(w, 0, 3, 9); /* to 9, 10 and 11 */
	fetch(w);
	assert_string_equal(sent(w, 100), "112"); /* 11, 12, 9 */
	pass(w, 5999);
	assert_string_equal(sent(w, 100), "");
	pass(w, 1);
	assert_string_equal(sent(w, 100), "22");
	world_free(w);
}

static void messages_that_are_not_sent_leave_their_pair_as_it_was(void **state)
{
	struct world *w = world_new();
	struct send *s;

	(void)state;
	account_open(w, 0, 100, false);
	(void)campaign_new(w, 0, 1, 0);
	fetch(w);
	assert_non_null(s = choose(w));
	send_delay(s, now_us(w)); /* its bridge has begun enough conversations */
	assert_ptr_equal(choose(w), s);
	send_admit(s, &(struct limit_use){ .campaign = true }, now_us(w), w->now);
	send_forget(&w->lanes, s); /* its commit failed */
	fetch(w);
	assert_string_equal(sent(w, 100), "1");
	world_free(w);
}

static void an_account_that_is_warmed_does_not_wait_for_tomorrow(void **state)
{
	struct world *w = world_new();
	struct lane_account a = { .usable = true, .limits = { .max_in_flight = 1, .bridge = true } };
	struct send *s;

	(void)state;
	lane_account(lane_at(w, 0), &a, now_us(w), w->now);
	(void)campaign_new(w, 0, 1, 0);
	fetch(w);
	assert_non_null(s = choose(w));
	send_delay(s, now_us(w) + INT64_C(86400000000));
	assert_null(choose(w));
	a.limits.warmed = true;
	lane_account(lane_at(w, 0), &a, now_us(w), w->now);
	assert_ptr_equal(choose(w), s);
	world_free(w);
}

static void an_unusable_account_sends_nothing_and_its_single_messages_stay(void **state)
{
	struct world *w = world_new();
	struct send **found;

	(void)state;
	(void)single_new(w, 0, 1);
	(void)campaign_new(w, 0, 5, 10);
	fetch(w);
	w->usable[0] = false;
	account_apply(w, 0);
	assert_null(send_next(w));
	pass(w, LANE_STRANDED_MS - 1);
	assert_int_equal(lanes_stranded(&w->lanes, now_us(w), w->now, w->arena, &found), 0);
	pass(w, 1);
	assert_int_equal(lanes_stranded(&w->lanes, now_us(w), w->now, w->arena, &found), 1);
	assert_int_equal(found[0]->row.id, 1);
	assert_int_equal(lanes_stranded(&w->lanes, now_us(w), w->now, w->arena, &found), 0);
	pass(w, 1000);
	assert_int_equal(lanes_stranded(&w->lanes, now_us(w), w->now, w->arena, &found), 1);
	send_end(found[0]); /* another account sends it */
	assert_int_equal(lane_at(w, 0)->n_direct, 0);
	w->usable[0] = true;
	account_apply(w, 0);
	assert_string_equal(sent(w, 100), "11111");
	world_free(w);
}

static void a_deadline_ends_a_message_that_waits_for_an_unusable_account(void **state)
{
	struct world *w = world_new();
	struct send **found;
	int64_t late, later;

	(void)state;
	late = single_new(w, 0, 1);
	later = single_new(w, 0, 2);
	(void)single_new(w, 0, 3);
	w->rows[late].deadline_us = now_us(w) + 2000000;
	w->rows[later].deadline_us = now_us(w) + 2500000;
	w->usable[0] = false;
	account_apply(w, 0);
	fetch(w);
	assert_int_equal(lanes_stranded(&w->lanes, now_us(w), w->now, w->arena, &found), 0);
	pass(w, 1999);
	assert_int_equal(lanes_stranded(&w->lanes, now_us(w), w->now, w->arena, &found), 0);
	pass(w, 1);
	assert_int_equal(lanes_stranded(&w->lanes, now_us(w), w->now, w->arena, &found), 1);
	assert_int_equal(found[0]->row.id, late);
	send_end(found[0]);
	pass(w, 1000);
	assert_int_equal(lanes_stranded(&w->lanes, now_us(w), w->now, w->arena, &found), 1);
	assert_int_equal(found[0]->row.id, later);
	assert_true(send_is_overdue(found[0], now_us(w)));
	send_end(found[0]);
	pass(w, LANE_STRANDED_MS - 3000);
	assert_int_equal(lanes_stranded(&w->lanes, now_us(w), w->now, w->arena, &found), 1);
	assert_false(send_is_overdue(found[0], now_us(w)));
	world_free(w);
}

/* 10 at once by the rate; 8 in flight. */
static void unknown_messages_are_bounded_by_requests_in_flight_alone(void **state)
{
	struct world *w = world_new();
	size_t n = 0;

	(void)state;
	for (uint16_t i = 0; i < 30; i++)
		w->rows[single_new(w, 0, i)].status = SEND_STATUS_UNKNOWN;
	w->usable[0] = false;
	account_apply(w, 0);
	fetch(w);
	while (send_next(w))
		n++;
	assert_int_equal(n, META_IN_FLIGHT);
	world_free(w);
}

static void nothing_is_sent_or_fetched_while_a_restore_is_pending_or_the_process_drains(void **state)
{
	(void)state;
	for (int draining = 0; draining < 2; draining++) {
		struct world *w = world_new();
		bool direct;

		(void)single_new(w, 0, 1);
		fetch(w);
		(void)single_new(w, 0, 2);
		assert_true(lanes_ready(&w->lanes, now_us(w), w->now, &direct) && direct);
		*(draining ? &w->lanes.draining : &w->lanes.stopped) = true;
		assert_false(lanes_ready(&w->lanes, now_us(w), w->now, &direct));
		assert_null(send_next(w));
		assert_false(lanes_want_rows(&w->lanes, w->now));
		w->lanes.draining = w->lanes.stopped = false;
		assert_true(lanes_want_rows(&w->lanes, w->now));
		assert_non_null(send_next(w));
		world_free(w);
	}
}

/* The cursor */

static const struct {
	const char *name;
	const char *
		ends; /* of chosen rows 1, 2, ...: admitted, dropped, ended, later, forgotten after all were admitted */
	int64_t cursor;
} cursors[] = {
	{ "moves to the last row that was admitted", "aaa", 3 },
	{ "passes rows that the check has ended", "aee", 3 },
	{ "also when none was admitted", "e", 1 },
	{ "stays below a row that is fetched again", "ada", 1 },
	{ "whatever comes behind it", "daaaa", 0 },
	{ "stays below a row that waits for a time of its own", "ala", 1 },
	{ "moves back to a row whose commit failed", "aafa", 2 },
};

static void cursor_step(struct world *w, struct send *s, char end)
{
	if (end == 'd')
		send_drop(s);
	else if (end == 'e')
		send_end(s);
	else if (end == 'l')
		send_delay(s, now_us(w) + 1000000);
	else
		admit(w, s, 0.5);
}

static void a_cursor_stays_below_rows_that_have_neither_begun_nor_ended(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cursors) / sizeof(cursors[0]); i++) {
		size_t n = strlen(cursors[i].ends);
		struct world *w = world_new();
		struct send *chosen[8];
		struct db_segment *s;

		account_open(w, 0, 100, false);
		s = campaign_new(w, 0, 10, 0);
		fetch(w);
		assert_int_equal(lanes_choose(&w->lanes, now_us(w), w->now, chosen, n), n);
		for (size_t k = 0; k < n; k++)
			cursor_step(w, chosen[k], cursors[i].ends[k]);
		for (size_t k = 0; k < n; k++)
			if (cursors[i].ends[k] == 'f')
				send_forget(&w->lanes, chosen[k]);
		mark(w);
		if (segment_in_memory(w, s)->row.cursor_id != cursors[i].cursor)
			fail_msg("%s: %lld", cursors[i].name, (long long)segment_in_memory(w, s)->row.cursor_id);
		world_free(w);
	}
}

static void a_dropped_row_is_fetched_again_a_second_later(void **state)
{
	struct world *w = world_new();
	struct send *s;

	(void)state;
	account_open(w, 0, 100, false);
	(void)campaign_new(w, 0, 4, 0);
	fetch(w);
	send_drop(choose(w));
	assert_string_equal(sent(w, 100), "111");
	fetch(w);
	assert_null(send_next(w));
	assert_int_equal(segment_in_memory(w, &w->segments[0])->n_delayed, 0);
	pass(w, 1000);
	fetch(w);
	assert_non_null(s = send_next(w));
	assert_int_equal(s->row.id, 1);
	assert_true(s->segment->row.cursor_id >= 1);
	world_free(w);
}

static void rows_of_a_paused_campaign_are_dropped_and_fetched_again(void **state)
{
	struct world *w = world_new();
	struct segment *s;

	(void)state;
	account_open(w, 0, 100, false);
	s = segment_in_memory(w, campaign_new(w, 0, 20, 0));
	fetch(w);
	assert_string_equal(sent(w, 5), "11111");
	segment_run(s, false, false, w->now);
	assert_int_equal(s->n_queued, 0);
	fetch(w);
	assert_null(send_next(w));
	segment_run(s, true, true, w->now);
	fetch(w);
	assert_int_equal(strlen(sent(w, 100)), 15);
	fetch(w);
	assert_true(segment_is_finished(s));
	world_free(w);
}

/* The rows of a fetch that was planned before a pause do not stand for those that the pause has dropped. */
static void a_fetch_that_a_pause_overtakes_skips_no_row(void **state)
{
	struct world *w = world_new();
	struct fetch_plan plan;
	struct segment *s;
	size_t n = 0;

	(void)state;
	s = segment_in_memory(w, campaign_new(w, 0, 100, 0));
	fetch(w);
	for (; n < 21; pass(w, 50))
		n += strlen(sent(w, 1));
	lanes_plan_fetch(&w->lanes, w->now, w->arena, &plan);
	assert_int_equal(plan.n_ahead, 1);
	segment_run(s, false, false, w->now); /* drops 22 to 40 */
	segment_run(s, true, true, w->now);
	fetch_ahead(w, &plan, 0);
	assert_int_equal(s->fetched_id, 21);
	for (int turn = 0; turn < 20; turn++) {
		fetch(w);
		n += strlen(sent(w, 100));
		pass(w, 500);
	}
	assert_int_equal(n, 100);
	world_free(w);
}

/* 5 of the first 10 fail with one code. */
static void one_result_may_stop_a_segment_until_it_was_resumed(void **state)
{
	struct world *w = world_new();
	struct segment *s;

	(void)state;
	account_open(w, 0, 100, false);
	s = segment_in_memory(w, campaign_new(w, 0, 30, 0));
	(void)campaign_new(w, 0, 3, 100);
	fetch(w);
	segment_stop(s);
	assert_string_equal(sent(w, 100), "222");
	segment_run(s, true, false, w->now); /* its campaign is not paused yet */
	fetch(w);
	assert_string_equal(sent(w, 100), "");
	segment_run(s, true, true, w->now);
	fetch(w);
	assert_string_equal(sent(w, 3), "111");
	world_free(w);
}

static void a_stopper_stops_its_segment_until_it_was_resumed(void **state)
{
	const struct send_answer rejected = { .account = ACCOUNT_NEUTRAL,
		.attempted = true,
		.retry_after_ms = -1,
		.counts = true,
		.code = STR("132001") };
	struct world *w = world_new();
	struct segment *s;
	int stops = 0;

	(void)state;
	account_open(w, 0, 100, false);
	s = segment_in_memory(w, campaign_new(w, 0, 30, 0));
	(void)campaign_new(w, 0, 3, 100);
	fetch(w);
	for (int i = 0; i < 5; i++) {
		struct send *send = send_next(w);

		assert_int_equal(send->row.campaign_id, 1);
		stops += send_answered(send, &rejected, now_us(w), w->now);
		row_end(w, send->row.id, SEND_STATUS_FAILED);
		send_release(&w->lanes, send, -1, w->now);
	}
	assert_int_equal(stops, 1);
	assert_string_equal(sent(w, 100), "222");
	segment_run(s, true, true, w->now);
	fetch(w);
	assert_int_equal(strlen(sent(w, 100)), 25);
	world_free(w);
}

static void a_segment_moves_once_nothing_of_it_is_in_flight(void **state)
{
	struct world *w = world_new();
	struct segment **movable, *s;
	struct send *send;

	(void)state;
	account_open(w, 0, 100, false);
	s = segment_in_memory(w, campaign_new(w, 0, 10, 0));
	fetch(w);
	assert_non_null(send = send_next(w));
	segment_move(s, 2, w->now);
	fetch(w);
	assert_null(send_next(w));
	assert_int_equal(lanes_movable(&w->lanes, w->arena, &movable), 0);
	(void)send_answered(send, &succeeded, now_us(w), w->now);
	assert_int_equal(lanes_movable(&w->lanes, w->arena, &movable), 0); /* its id is in send_lanes.in_flight */
	send_release(&w->lanes, send, -1, w->now);
	assert_int_equal(lanes_movable(&w->lanes, w->arena, &movable), 1);
	assert_ptr_equal(movable[0], s);
	lane_drop_segment(s);
	assert_int_equal(lanes_movable(&w->lanes, w->arena, &movable), 0);
	world_free(w);
}

/* Fetching */

static const struct {
	const char *name;
	struct gcra_limit rate;
	size_t ahead;
	bool bridge;
} aheads[] = {
	{ "two seconds of the rate", { 50000, 10 }, 40, false },
	{ "at least a turn", { 1000000, 5 }, LANE_QUANTUM, false },
	{ "at most LANE_FETCH_MAX", { 1000, 1000 }, LANE_FETCH_MAX, false },
	{ "also without a rate", { 0, 1 }, LANE_FETCH_MAX, false },
	{ "fewer of a bridge", { 1000, 1000 }, LANE_BRIDGE_MAX, true },
	{ "also without a rate of its own", { 0, 1 }, LANE_BRIDGE_MAX, true },
	{ "two seconds of a slow bridge", { 100000, 5 }, 20, true },
};

static void rows_are_fetched_ahead_for_two_seconds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(aheads) / sizeof(aheads[0]); i++) {
		struct world *w = world_new();
		const struct lane_account a = { .usable = true,
			.limits = { .rate = aheads[i].rate, .max_in_flight = 8, .bridge = aheads[i].bridge } };
		const struct segment *s;

		lane_account(lane_at(w, 0), &a, now_us(w), w->now);
		s = segment_in_memory(w, campaign_new(w, 0, 2000, 0));
		fetch(w);
		if (s->n_queued != aheads[i].ahead)
			fail_msg("%s: %zu", aheads[i].name, s->n_queued);
		world_free(w);
	}
}

/* 20 a second: 40 rows ahead. */
static void rows_are_fetched_when_less_than_half_are_left(void **state)
{
	struct world *w = world_new();
	const struct segment *s = segment_in_memory(w, campaign_new(w, 0, 100, 0));

	(void)state;
	fetch(w);
	while (s->n_queued > 20) {
		fetch(w);
		assert_int_equal(s->fetched_id, 40);
		assert_non_null(sent(w, 1));
		pass(w, 50);
	}
	assert_false(lanes_want_rows(&w->lanes, w->now));
	assert_string_equal(sent(w, 1), "1");
	assert_true(lanes_want_rows(&w->lanes, w->now));
	fetch(w);
	assert_int_equal(s->n_queued, 40);
	assert_int_equal(s->fetched_id, 61);
	world_free(w);
}

static void due_rows_are_fetched_when_woken_and_every_few_seconds(void **state)
{
	struct world *w = world_new();
	int64_t id;

	(void)state;
	fetch(w);
	assert_false(lanes_want_rows(&w->lanes, w->now));
	id = single_new(w, 0, 1);
	assert_true(lanes_want_rows(&w->lanes, w->now));
	fetch(w);
	assert_int_equal(lane_at(w, 0)->n_direct, 1);
	row_wait_at(w, row_new(w, 2), 1, now_us(w)); /* without a notification */
	fetch(w);
	assert_int_equal(lane_at(w, 0)->n_direct, 1);
	pass(w, LANE_POLL_MS);
	fetch(w);
	assert_int_equal(lane_at(w, 0)->n_direct, 2);
	assert_false(lanes_wake(&w->lanes, 77, w->now));
	assert_int_equal(id, 1);
	world_free(w);
}

static void a_retry_is_fetched_when_it_is_due(void **state)
{
	struct world *w = world_new();
	struct send *s;

	(void)state;
	account_open(w, 0, 100, false);
	(void)campaign_new(w, 0, 1, 0);
	fetch(w);
	s = send_next(w);
	(void)send_answered(s, &failed, now_us(w), w->now);
	w->rows[1].next_us = now_us(w) + 2000000;
	send_release(&w->lanes, s, 2000, w->now);
	pass(w, 1999);
	fetch(w);
	assert_null(send_next(w));
	pass(w, 4001); /* its pair waits for longer */
	fetch(w);
	assert_string_equal(sent(w, 1), "1");
	world_free(w);
}

/* For the flush */

static void changed_lanes_come_in_order_with_what_is_in_flight(void **state)
{
	struct world *w = world_new();
	struct send_lane *rows;
	struct send *s;

	(void)state;
	assert_int_equal(lanes_changed(&w->lanes, w->arena, &rows), 0);
	(void)single_new(w, 4, 1);
	(void)single_new(w, 0, 1);
	(void)single_new(w, 2, 1);
	fetch(w);
	for (int i = 0; i < 3; i++)
		assert_non_null(s = send_next(w));
	(void)send_answered(s, &succeeded, now_us(w), w->now);
	assert_int_equal(lanes_changed(&w->lanes, w->arena, &rows), 3);
	for (int64_t i = 0; i < 3; i++) {
		assert_int_equal(rows[i].workspace_id, i + 1);
		assert_int_equal(rows[i].n_in_flight, 1);
		assert_true(lanes_knows(&w->lanes, rows[i].account_id, rows[i].in_flight[0]));
	}
	assert_int_equal(lanes_changed(&w->lanes, w->arena, &rows), 0);
	world_free(w);
}

static void a_chosen_message_is_not_in_flight(void **state)
{
	struct world *w = world_new();
	struct send *s;
	int64_t *ids;

	(void)state;
	(void)single_new(w, 0, 1);
	fetch(w);
	s = choose(w);
	assert_int_equal(lane_in_flight(lane_at(w, 0), w->arena, &ids), 0);
	assert_false(lanes_knows(&w->lanes, 1, s->row.id));
	admit(w, s, 0.5);
	assert_int_equal(lane_in_flight(lane_at(w, 0), w->arena, &ids), 1);
	assert_int_equal(ids[0], s->row.id);
	world_free(w);
}

static void orphans_are_their_accounts_own_again(void **state)
{
	struct world *w = world_new();
	struct send *s, *answered;
	struct segment *segment;

	(void)state;
	(void)campaign_new(w, 0, 5, 0);
	fetch(w);
	s = send_next(w);
	answered = send_next(w);
	(void)send_answered(answered, &succeeded, now_us(w), w->now);
	(void)choose(w); /* freed with its lane */
	world_revoke(w);
	assert_null(s->lane);
	assert_int_equal(w->lanes.in_flight, 1);
	assert_true(lanes_knows(&w->lanes, 1, s->row.id));
	world_acquire(w);
	assert_ptr_equal(s->lane, lane_at(w, 0));
	segment = segment_in_memory(w, &w->segments[0]);
	assert_ptr_equal(answered->segment, segment);
	assert_int_equal(segment->in_flight, 2);
	assert_true(TAILQ_EMPTY(&w->lanes.orphans));
	world_free(w);
}

static void what_was_marked_before_another_owner_stays_an_orphan(void **state)
{
	struct world *w = world_new();
	struct send *before, *since;

	(void)state;
	(void)campaign_new(w, 0, 5, 0);
	fetch(w);
	before = send_next(w);
	since = send_next(w);
	before->epoch = 6;
	since->epoch = 8;
	world_revoke(w);
	lanes_disown(&w->lanes, before->partition + 1, 9);
	assert_true(lanes_knows(&w->lanes, 1, before->row.id));
	lanes_disown(&w->lanes, before->partition, 8);
	assert_false(lanes_knows(&w->lanes, 1, before->row.id));
	world_acquire(w);
	assert_null(before->lane);
	assert_ptr_equal(since->lane, lane_at(w, 0));
	assert_false(lanes_knows(&w->lanes, 1, before->row.id));
	assert_true(lanes_knows(&w->lanes, 1, since->row.id));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_messages_come_first_and_campaigns_take_turns_of_eight),
		cmocka_unit_test(workspaces_take_turns_whatever_they_have),
		cmocka_unit_test(a_workspace_alone_uses_all_slots),
		cmocka_unit_test(a_workspace_that_hangs_leaves_slots_to_others),
		cmocka_unit_test(a_lane_has_a_bound_of_requests_in_flight),
		cmocka_unit_test(a_single_message_does_not_wait_for_a_campaigns_on_a_bridge),
		cmocka_unit_test(a_lane_at_its_rate_sleeps_and_blocks_no_other),
		cmocka_unit_test(a_pause_in_the_row_holds_in_a_new_process),
		cmocka_unit_test(a_provider_that_limits_pauses_the_lane_also_in_its_row),
		cmocka_unit_test(the_probe_of_an_open_breaker_is_a_campaigns_message),
		cmocka_unit_test(a_pair_at_its_rate_delays_that_recipient_only),
		cmocka_unit_test(messages_that_are_not_sent_leave_their_pair_as_it_was),
		cmocka_unit_test(an_account_that_is_warmed_does_not_wait_for_tomorrow),
		cmocka_unit_test(an_unusable_account_sends_nothing_and_its_single_messages_stay),
		cmocka_unit_test(a_deadline_ends_a_message_that_waits_for_an_unusable_account),
		cmocka_unit_test(unknown_messages_are_bounded_by_requests_in_flight_alone),
		cmocka_unit_test(nothing_is_sent_or_fetched_while_a_restore_is_pending_or_the_process_drains),
		cmocka_unit_test(a_cursor_stays_below_rows_that_have_neither_begun_nor_ended),
		cmocka_unit_test(a_dropped_row_is_fetched_again_a_second_later),
		cmocka_unit_test(rows_of_a_paused_campaign_are_dropped_and_fetched_again),
		cmocka_unit_test(a_fetch_that_a_pause_overtakes_skips_no_row),
		cmocka_unit_test(one_result_may_stop_a_segment_until_it_was_resumed),
		cmocka_unit_test(a_stopper_stops_its_segment_until_it_was_resumed),
		cmocka_unit_test(a_segment_moves_once_nothing_of_it_is_in_flight),
		cmocka_unit_test(rows_are_fetched_ahead_for_two_seconds),
		cmocka_unit_test(rows_are_fetched_when_less_than_half_are_left),
		cmocka_unit_test(due_rows_are_fetched_when_woken_and_every_few_seconds),
		cmocka_unit_test(a_retry_is_fetched_when_it_is_due),
		cmocka_unit_test(changed_lanes_come_in_order_with_what_is_in_flight),
		cmocka_unit_test(a_chosen_message_is_not_in_flight),
		cmocka_unit_test(orphans_are_their_accounts_own_again),
		cmocka_unit_test(what_was_marked_before_another_owner_stays_an_orphan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
