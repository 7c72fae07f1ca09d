/* services/campaign-sender/policy/resolution: what is done about an unknown outcome, and when. */
#include "campaign-sender/policy/resolution.h"

#include "unit.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define AFTER_MS  (15 * MINUTE_MS)

static void each_age_of_an_unknown_message_has_its_step(void **state)
{
	static const struct {
		const char *name;
		enum bridge_kind bridge;
		int64_t age_ms;
		enum resolution want;
		int64_t delay_ms;
	} cases[] = {
		{ "Meta, at once", BRIDGE_NONE, 0, RESOLVE_WAIT, AFTER_MS },
		{ "Meta, the clock has jumped back", BRIDGE_NONE, -HOUR_MS, RESOLVE_WAIT, AFTER_MS },
		{ "Meta, later", BRIDGE_NONE, 10 * MINUTE_MS, RESOLVE_WAIT, 5 * MINUTE_MS },
		{ "Meta, in the end", BRIDGE_NONE, AFTER_MS, RESOLVE_BY_POLICY, 0 },
		{ "waha waits for its echo", BRIDGE_WAHA, SECOND_MS, RESOLVE_WAIT, AFTER_MS - SECOND_MS },
		{ "evolution, in the end", BRIDGE_EVOLUTION, HOUR_MS, RESOLVE_BY_POLICY, 0 },
		{ "wwebjs, in the end", BRIDGE_WWEBJS, AFTER_MS, RESOLVE_BY_POLICY, 0 },
		{ "our bridge is asked at once", BRIDGE_BLAZZ, 0, RESOLVE_LOOK_UP, SECOND_MS },
		{ "the clock has jumped back", BRIDGE_BLAZZ, -HOUR_MS, RESOLVE_LOOK_UP, SECOND_MS },
		{ "after a second", BRIDGE_BLAZZ, SECOND_MS, RESOLVE_LOOK_UP, SECOND_MS },
		{ "after a minute", BRIDGE_BLAZZ, MINUTE_MS, RESOLVE_LOOK_UP, MINUTE_MS },
		{ "at most 5 minutes apart", BRIDGE_BLAZZ, HOUR_MS, RESOLVE_LOOK_UP, 5 * MINUTE_MS },
		{ "beyond unknown.after", BRIDGE_BLAZZ, 2 * AFTER_MS, RESOLVE_LOOK_UP, 5 * MINUTE_MS },
		{ "up to a day", BRIDGE_BLAZZ, 24 * HOUR_MS - 1, RESOLVE_LOOK_UP, 1 },
		{ "in the end", BRIDGE_BLAZZ, 24 * HOUR_MS, RESOLVE_BY_POLICY, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct resolution_step s = resolution_next(cases[i].bridge, cases[i].age_ms, AFTER_MS);

		if (s.what != cases[i].want || s.delay_ms != cases[i].delay_ms)
			fail_msg("%s: %d, %ld ms", cases[i].name, s.what, (long)s.delay_ms);
	}
}

static void a_message_that_is_never_found_is_looked_up_for_a_day_some_300_times(void **state)
{
	struct resolution_step s = resolution_next(BRIDGE_BLAZZ, SECOND_MS, AFTER_MS);
	int64_t age_ms = SECOND_MS, delay_ms = 0;
	int n = 0;

	(void)state;
	for (; s.what == RESOLVE_LOOK_UP; s = resolution_next(BRIDGE_BLAZZ, age_ms, AFTER_MS), n++) {
		assert_true(s.delay_ms >= delay_ms || age_ms + s.delay_ms == 24 * HOUR_MS);
		delay_ms = s.delay_ms;
		age_ms += delay_ms;
	}
	assert_int_equal(s.what, RESOLVE_BY_POLICY);
	assert_int_equal(age_ms, 24 * HOUR_MS);
	assert_in_range(n, 250, 320);
}

static void a_campaign_says_what_becomes_of_unknown_messages_else_its_category(void **state)
{
	static const struct {
		const char *name;
		bool of_campaign;
		const char *category, *on_unknown;
		enum unknown_policy want;
	} cases[] = {
		{ "single", false, NULL, NULL, UNKNOWN_FAILS },
		{ "single, of a template", false, "MARKETING", NULL, UNKNOWN_FAILS },
		{ "instant", true, NULL, NULL, UNKNOWN_IS_ASSUMED_SENT },
		{ "marketing", true, "MARKETING", NULL, UNKNOWN_IS_ASSUMED_SENT },
		{ "utility", true, "UTILITY", NULL, UNKNOWN_FAILS },
		{ "authentication", true, "AUTHENTICATION", NULL, UNKNOWN_FAILS },
		{ "a category of later", true, "SERVICE", NULL, UNKNOWN_IS_ASSUMED_SENT },
		{ "marketing that fails", true, "MARKETING", "fail", UNKNOWN_FAILS },
		{ "utility that is assumed sent", true, "UTILITY", "assume_sent", UNKNOWN_IS_ASSUMED_SENT },
		{ "another word", true, "UTILITY", "", UNKNOWN_FAILS },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (unknown_policy_of(cases[i].of_campaign, str_of(cases[i].category), str_of(cases[i].on_unknown)) !=
			cases[i].want)
			fail_msg("%s", cases[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_age_of_an_unknown_message_has_its_step),
		cmocka_unit_test(a_message_that_is_never_found_is_looked_up_for_a_day_some_300_times),
		cmocka_unit_test(a_campaign_says_what_becomes_of_unknown_messages_else_its_category),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
