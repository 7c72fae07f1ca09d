/* services/campaign-sender/policy/limits: against a log of every message, over kills and the change of owners. */
#include "campaign-sender/policy/limits.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define SECOND   ((int64_t)1000000)
#define MINUTE   (60 * SECOND)
#define HOUR     (60 * MINUTE)
#define DAY      (24 * HOUR)
#define NOW      (1767225600 * SECOND) /* midnight in UTC */

static unsigned seed;

static const struct limit_defaults defaults = {
	.meta_per_second = 80,
	.bridge_per_minute = 60,
	.bridge_burst = 5,
	.bridge_per_hour = 1000,
};

static struct lane_limits limits_from(bool bridge, const char *sending)
{
	struct json_doc *doc = NULL;
	struct lane_limits l;

	if (sending)
		assert_int_equal(json_parse(&doc, str_of(sending), NULL), 0);
	limits_of(&l, &defaults, bridge, doc ? json_root(doc) : NULL);
	json_free(doc);
	return l;
}

static void each_account_has_the_defaults_unless_its_metadata_says_otherwise(void **state)
{
	static const struct {
		const char *name;
		bool bridge;
		const char *sending;
		int64_t interval_us;
		int32_t burst, per_hour, max_in_flight;
		bool warmed;
	} cases[] = {
		{ "Meta", false, NULL, 13158, 5, 0, 151, false },
		{ "a bridge", true, NULL, 1071429, 5, 1000, 1, false },
		{ "empty", true, "{}", 1071429, 5, 1000, 1, false },
		{ "no object", true, "[60]", 1071429, 5, 1000, 1, false },
		{ "faster by the second", false, "{\"per_second\": 1000}", 1065, 62, 0, 250, false },
		{ "slower by the second", false, "{\"per_second\": 2}", SECOND / 2, 1, 0, 8, false },
		{ "a fraction", true, "{\"per_second\": 0.5}", 2 * SECOND, 1, 1000, 1, false },
		{ "a bridge by the second", true, "{\"per_second\": 20}", 62500, 5, 1000, 1, false },
		{ "by the minute", true, "{\"per_minute\": 3}", 20 * SECOND, 1, 1000, 1, false },
		{ "Meta by the minute", false, "{\"per_minute\": 600}", 100000, 1, 0, 20, false },
		{ "both hold", false, "{\"per_second\": 10, \"per_minute\": 60}", SECOND, 1, 0, 8, false },
		{ "hour", false, "{\"per_hour\": 500}", 13158, 5, 500, 151, false },
		{ "warmed", true, "{\"warmed\": true}", 1071429, 5, 1000, 1, true },
		{ "another type", true, "{\"per_minute\": \"3\", \"per_hour\": true, \"warmed\": 1}", 1071429, 5, 1000,
			1, false },
		{ "none, or negative", true, "{\"per_minute\": 0, \"per_hour\": -5, \"per_second\": -1}", 1071429, 5,
			1000, 1, false },
		{ "too fast", false, "{\"per_second\": 1001, \"per_minute\": 60001, \"per_hour\": 4000000}", 13158, 5,
			0, 151, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct lane_limits l = limits_from(cases[i].bridge, cases[i].sending);

		if (l.rate.interval_us != cases[i].interval_us || l.rate.burst != cases[i].burst ||
			l.per_hour != cases[i].per_hour || l.max_in_flight != cases[i].max_in_flight ||
			l.warmed != cases[i].warmed || l.bridge != cases[i].bridge)
			fail_msg("%s: %ld us, %d at once, %d an hour, %d in flight", cases[i].name,
				(long)l.rate.interval_us, l.rate.burst, l.per_hour, l.max_in_flight);
	}
}

static double random_number(void)
{
	return (double)rand_r(&seed) / ((double)RAND_MAX + 1);
}

static struct limit_use use_of(bool campaign, bool new_conversation)
{
	return (struct limit_use){ campaign, new_conversation, 0,
		{ random_number(), random_number(), random_number() } };
}

static struct send_lane unused_lane(void)
{
	return (struct send_lane){ .run_left = -1, .next_us = PG_NO_TIME };
}

#define LOG_MAX 60000

/* No window, wherever it begins, has more messages than the limit. */
static void check_window(const char *name, const int64_t *log, size_t n, int64_t window_us, double limit)
{
	for (size_t i = 0, end = 0; i < n; i++) {
		while (end < n && log[end] < log[i] + window_us)
			end++;
		if ((double)(end - i) > limit)
			fail_msg("%s: %zu messages in a window of %ld s", name, end - i, (long)(window_us / SECOND));
	}
}

/* Flush after flush: messages are admitted, and posted when the row is committed. A kill before the commit loses both; one after
 * it leaves a row from which another replica continues. */
static size_t simulate(const struct lane_limits *l, int64_t step_us, int64_t duration_us, bool campaigns, int64_t *log)
{
	struct send_lane committed = unused_lane();
	int64_t now_us = NOW;
	size_t n = 0;

	while (now_us < NOW + duration_us && n < LOG_MAX) {
		struct send_lane lane = committed;
		int64_t again_us = 0;
		bool campaign = campaigns && rand_r(&seed) % 2 == 0, killed = rand_r(&seed) % 10 == 0;
		int32_t room = limits_room(&lane, l, campaign, now_us, &again_us);
		int32_t admitted = room > 0 && rand_r(&seed) % 4 > 0 ? room : room / 2;

		if (room == 0)
			assert_true(again_us > now_us);
		for (int32_t i = 0; i < admitted; i++) {
			struct limit_use use = use_of(campaign, false);

			limits_take(&lane, l, &use, now_us);
			if (!killed && n < LOG_MAX)
				log[n++] = now_us;
		}
		if (!killed)
			committed = lane;
		/* Mostly flush after flush; now and then a long silence, after which a burst is due. */
		now_us += rand_r(&seed) % 200 == 0 ? rand_r(&seed) % (step_us * 100) : 1 + rand_r(&seed) % step_us;
	}
	return n;
}

static void no_second_minute_or_hour_has_more_messages_than_its_limit(void **state)
{
	static const struct {
		const char *name;
		bool bridge, campaigns;
		const char *sending;
		int64_t step_us, duration_us;
		double per_second, per_minute, per_hour; /* 0: no limit */
		size_t least; /* so that the limit was reached */
	} cases[] = {
		{ "Meta", false, true, NULL, 20000, 10 * MINUTE, 80, 0, 0, 30000 },
		{ "Meta, 1,000 a second", false, true, "{\"per_second\": 1000}", 20000, 30 * SECOND, 1000, 0, 0,
			15000 },
		{ "Meta, slow", false, true, "{\"per_second\": 3}", 100000, 2 * HOUR, 3, 0, 0, 10000 },
		{ "Meta, by second and hour", false, true, "{\"per_second\": 50, \"per_hour\": 2000}", 50000, 3 * HOUR,
			50, 0, 2000, 4000 },
		{ "a bridge", true, false, NULL, SECOND, 5 * HOUR, 0, 60, 1000, 4000 },
		{ "a bridge with campaigns", true, true, NULL, SECOND, 5 * HOUR, 0, 60, 1000, 3000 },
		{ "by the minute", true, false, "{\"per_minute\": 7}", SECOND, 10 * HOUR, 0, 7, 1000, 2000 },
		{ "by second and minute", false, true, "{\"per_second\": 5, \"per_minute\": 100}", 100000, 5 * HOUR, 5,
			100, 0, 15000 },
	};
	static int64_t log[LOG_MAX];

	(void)state;
	seed = 7;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct lane_limits l = limits_from(cases[i].bridge, cases[i].sending);
		size_t n = simulate(&l, cases[i].step_us, cases[i].duration_us, cases[i].campaigns, log);

		if (n < cases[i].least)
			fail_msg("%s: only %zu messages", cases[i].name, n);
		if (cases[i].per_second > 0)
			check_window(cases[i].name, log, n, SECOND, cases[i].per_second);
		if (cases[i].per_minute > 0)
			check_window(cases[i].name, log, n, MINUTE, cases[i].per_minute);
		if (cases[i].per_hour > 0)
			check_window(cases[i].name, log, n, HOUR, cases[i].per_hour);
	}
}

static void a_lane_that_waits_says_until_when_and_may_send_then(void **state)
{
	struct lane_limits l = limits_from(true, NULL);
	struct send_lane lane = unused_lane();
	int64_t now_us = NOW, again_us = 0;

	(void)state;
	seed = 7;
	for (int i = 0; i < 5000; i++) {
		bool campaign = i % 3 == 0;
		struct limit_use use = use_of(campaign, false);

		while (limits_room(&lane, &l, campaign, now_us, &again_us) == 0) {
			struct send_lane before = lane;

			/* A microsecond earlier there is none. */
			assert_int_equal(limits_room(&before, &l, campaign, again_us - 1, &now_us), 0);
			now_us = again_us;
		}
		limits_take(&lane, &l, &use, now_us);
	}
}

static void single_messages_of_a_bridge_do_not_wait_for_the_gap(void **state)
{
	struct lane_limits l = limits_from(true, NULL);
	struct send_lane lane = unused_lane();
	struct limit_use use = { .campaign = true, .random = { 0.5, 0.5, 0.5 } };
	int64_t again_us = 0;

	(void)state;
	assert_int_equal(limits_room(&lane, &l, true, NOW, &again_us), 1);
	limits_take(&lane, &l, &use, NOW);
	assert_int_equal(limits_room(&lane, &l, true, NOW, &again_us), 0);
	assert_int_equal(again_us, lane.next_us);
	assert_int_equal(limits_room(&lane, &l, false, NOW, &again_us), 4);
	use.campaign = false;
	limits_take(&lane, &l, &use, NOW);
	assert_int_equal(again_us, lane.next_us); /* and they do not move it */
	assert_int_equal(lane.run_left, 39);
}

static void meta_has_no_gaps(void **state)
{
	struct lane_limits l = limits_from(false, NULL);
	struct send_lane lane = unused_lane();
	struct limit_use use = use_of(true, true);
	int64_t again_us = 0;

	(void)state;
	limits_take(&lane, &l, &use, NOW);
	assert_int_equal(limits_room(&lane, &l, true, NOW, &again_us), 4);
	assert_true(lane.next_us == PG_NO_TIME);
	assert_int_equal(lane.day_new, 0);
}

#define GAPS 20000

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void gaps_are_log_normal_and_breaks_follow_30_to_50_messages(void **state)
{
	static int64_t gaps[GAPS];
	struct lane_limits l = limits_from(true, "{\"per_hour\": 1000000}");
	struct send_lane lane = unused_lane();
	int64_t now_us = NOW;
	size_t n = 0, shortest_run = SIZE_MAX, longest_run = 0, run = 0, breaks = 0;

	(void)state;
	seed = 7;
	while (n < GAPS) {
		struct limit_use use = use_of(true, false);
		int64_t gap_us;

		limits_take(&lane, &l, &use, now_us);
		gap_us = lane.next_us - now_us;
		now_us = lane.next_us;
		run++;
		if (gap_us <= 45 * SECOND) {
			gaps[n++] = gap_us;
			assert_true(gap_us >= 4 * SECOND);
			continue;
		}
		assert_in_range(gap_us, 5 * MINUTE, 15 * MINUTE);
		shortest_run = run < shortest_run ? run : shortest_run;
		longest_run = run > longest_run ? run : longest_run;
		run = 0;
		breaks++;
	}
	assert_int_equal(shortest_run, 30);
	assert_int_equal(longest_run, 50);
	assert_in_range(breaks, GAPS / 50, GAPS / 30 + 1);
	qsort(gaps, GAPS, sizeof(gaps[0]), by_size);
	assert_in_range(gaps[GAPS / 2], 78 * SECOND / 10, 82 * SECOND / 10);
	assert_in_range(gaps[GAPS * 9 / 10], 15 * SECOND, 20 * SECOND);
	assert_true(gaps[GAPS - 1] > 40 * SECOND);
}

static void typing_is_part_of_the_gap(void **state)
{
	struct lane_limits l = limits_from(true, NULL);
	struct send_lane lane = unused_lane();
	struct limit_use use = { .campaign = true, .typing_ms = 8000, .random = { 0.9, 0.5, 0.5 } };

	(void)state;
	limits_take(&lane, &l, &use, NOW);
	assert_int_equal(lane.next_us, NOW + 8 * SECOND); /* the shortest gap would be 4 s */
	use.random[1] = 0; /* the longest */
	limits_take(&lane, &l, &use, NOW);
	assert_true(lane.next_us > NOW + 20 * SECOND && lane.next_us <= NOW + 45 * SECOND);
}

static void typing_takes_40_ms_a_character_and_at_most_8_s(void **state)
{
	(void)state;
	assert_int_equal(limits_typing_ms(0), 0);
	assert_int_equal(limits_typing_ms(10), 400);
	assert_int_equal(limits_typing_ms(200), 8000);
	assert_int_equal(limits_typing_ms(SIZE_MAX), 8000);
}

/* New conversations that one day has, when as many as possible are begun. */
static int32_t fill_day(struct send_lane *lane, const struct lane_limits *l, int64_t day_us)
{
	struct limit_use use = use_of(false, true);
	int64_t again_us = 0;
	int32_t n = 0;

	for (; n < 2000 && limits_new_conversation(lane, l, day_us + n, &again_us); n++)
		limits_take(lane, l, &use, day_us + n);
	if (n < 2000)
		assert_int_equal(again_us, (day_us / DAY + 1) * DAY);
	return n;
}

static void new_conversations_a_day_grow_with_the_days_that_had_some(void **state)
{
	static const int32_t want[] = { 20, 35, 60, 100, 160, 250, 400, 1000, 1000, 1000 };
	struct lane_limits l = limits_from(true, NULL);
	struct send_lane lane = unused_lane();
	int64_t day_us = NOW;

	(void)state;
	for (size_t i = 0; i < COUNT(want); i++) {
		assert_int_equal(fill_day(&lane, &l, day_us), want[i]);
		assert_int_equal(fill_day(&lane, &l, day_us + 23 * HOUR), 0);
		day_us += (int64_t)(i % 3 + 1) * DAY; /* days without any do not count */
	}
}

static void one_new_conversation_is_a_day_of_warm_up(void **state)
{
	struct lane_limits l = limits_from(true, NULL);
	struct send_lane lane = unused_lane();
	struct limit_use use = use_of(false, true), other = use_of(true, false);

	(void)state;
	limits_take(&lane, &l, &other, NOW);
	assert_int_equal(fill_day(&lane, &l, NOW + DAY), 20); /* the day before had none */
	limits_take(&lane, &l, &use, NOW + 2 * DAY);
	assert_int_equal(lane.warm_day, 1);
	assert_int_equal(fill_day(&lane, &l, NOW + 3 * DAY), 60);
}

static void a_warmed_number_and_meta_have_no_limit_of_new_conversations(void **state)
{
	struct lane_limits warmed = limits_from(true, "{\"warmed\": true}"), meta = limits_from(false, NULL);
	struct send_lane lane = unused_lane();

	(void)state;
	assert_int_equal(fill_day(&lane, &warmed, NOW), 2000);
	assert_int_equal(fill_day(&lane, &meta, NOW), 2000);
}

static void state_that_is_ahead_of_the_clock_is_corrected(void **state)
{
	struct lane_limits l = limits_from(true, NULL);
	struct send_lane lane = { .run_left = 10,
		.minute_us = NOW + DAY,
		.next_us = NOW + DAY,
		.day = NOW / DAY + 30,
		.day_new = 20,
		.hour = { .minute = (NOW + DAY) / MINUTE, .uses = { 999 } } };
	int64_t again_us = 0;

	(void)state;
	assert_int_equal(limits_room(&lane, &l, true, NOW, &again_us), 0);
	assert_int_equal(again_us, NOW + 15 * MINUTE); /* the longest break */
	assert_int_equal(limits_room(&lane, &l, false, NOW + MINUTE, &again_us), 1); /* of the hour */
	/* What was counted last counts today. */
	assert_false(limits_new_conversation(&lane, &l, NOW, &again_us));
	assert_int_equal(again_us, NOW + DAY);
	assert_true(limits_new_conversation(&lane, &l, again_us, &again_us));
}

static void a_message_without_room_is_counted_too(void **state)
{
	struct lane_limits l = limits_from(false, "{\"per_second\": 1}");
	struct send_lane lane = unused_lane();
	struct limit_use use = use_of(false, false);
	int64_t again_us = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		limits_take(&lane, &l, &use, NOW);
	assert_int_equal(limits_room(&lane, &l, false, NOW + SECOND - 1, &again_us), 0);
	assert_int_equal(lane.hour.uses[0], 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_account_has_the_defaults_unless_its_metadata_says_otherwise),
		cmocka_unit_test(no_second_minute_or_hour_has_more_messages_than_its_limit),
		cmocka_unit_test(a_lane_that_waits_says_until_when_and_may_send_then),
		cmocka_unit_test(single_messages_of_a_bridge_do_not_wait_for_the_gap),
		cmocka_unit_test(meta_has_no_gaps),
		cmocka_unit_test(gaps_are_log_normal_and_breaks_follow_30_to_50_messages),
		cmocka_unit_test(typing_is_part_of_the_gap),
		cmocka_unit_test(typing_takes_40_ms_a_character_and_at_most_8_s),
		cmocka_unit_test(new_conversations_a_day_grow_with_the_days_that_had_some),
		cmocka_unit_test(one_new_conversation_is_a_day_of_warm_up),
		cmocka_unit_test(a_warmed_number_and_meta_have_no_limit_of_new_conversations),
		cmocka_unit_test(state_that_is_ahead_of_the_clock_is_corrected),
		cmocka_unit_test(a_message_without_room_is_counted_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
