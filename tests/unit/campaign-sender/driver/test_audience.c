/* campaign-sender/driver/audience: the audience as a definition names it. */
#include "unit.h"

#include <stdio.h>

#include "campaign-sender/driver/audience.h"
#include "store/campaign_audience.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define GROUP    "00000000-0000-4000-8000-0000000000d1"

static struct arena *arena;

static int arena_make(void **state)
{
	(void)state;
	arena = arena_new(4096);
	return 0;
}

static int arena_drop(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static int parse(const char *json, struct audience_definition *out, struct reasons *why)
{
	reasons_init(why, arena);
	return audience_parse(str_of(json), arena, out, why);
}

static void an_audience_is_groups_less_groups_and_filters(void **state)
{
	struct audience_definition d;
	struct reasons why;

	(void)state;
	assert_int_equal(parse("{\"groups\": [\"" GROUP "\", \"" GROUP "\"], \"exclude\": [\"" GROUP
			       "\"], \"last_inbound_within_days\": 30, \"not_contacted_for_days\": 7}",
				 &d, &why),
		0);
	assert_true(d.n_groups == 1 && d.n_excluded == 1 && !d.all);
	assert_true(d.last_inbound_within_days == 30 && d.not_contacted_for_days == 7);
	assert_int_equal(parse("{\"all\": true}", &d, &why), 0);
	assert_true(d.all && d.n_groups == 0 && d.last_inbound_within_days == 0);
	assert_int_equal(parse("{\"all\": false, \"groups\": null, \"not_contacted_for_days\": null}", &d, &why), 0);
	assert_true(!d.all && d.n_groups == 0);
}

static void each_list_may_have_fifty_groups(void **state)
{
	struct audience_definition d;
	struct reasons why;
	char json[4000];

	(void)state;
	for (int n = AUDIENCE_GROUPS_MAX; n <= AUDIENCE_GROUPS_MAX + 1; n++) {
		size_t at = (size_t)snprintf(json, sizeof(json), "{\"exclude\": [\"" GROUP "\"");

		for (int i = 0; i < n; i++)
			at += (size_t)snprintf(json + at, sizeof(json) - at,
				", \"00000000-0000-4000-8000-000000001%03d\"", i % (n - 1));
		snprintf(json + at, sizeof(json) - at, "]}");
		assert_int_equal(parse(json, &d, &why), n == AUDIENCE_GROUPS_MAX ? 0 : -1);
		assert_int_equal(d.n_excluded, AUDIENCE_GROUPS_MAX);
	}
	assert_string_equal(arena_cstr(arena, why.at[0]), "audience: exclude names more than 50 groups");
}

#define EIGHT(bracket) bracket bracket bracket bracket bracket bracket bracket bracket
#define DEEP           EIGHT(EIGHT("[")) EIGHT(EIGHT("]")) /* PostgreSQL stores it */

static const struct {
	const char *json, *why;
} faults[] = {
	{ "{\"groups\": " DEEP "}", "audience: nested deeper than 64" },
	{ "{\"group\": []}", "audience: unknown member \"group\"" },
	{ "{\"groups\": \"" GROUP "\"}", "audience: groups must be a list of groups" },
	{ "{\"exclude\": [\"x\"]}", "audience: exclude: \"x\" is not the id of a group" },
	{ "{\"groups\": [7]}", "audience: groups: \"\" is not the id of a group" },
	{ "{\"all\": 1}", "audience: all must be true or false" },
	{ "{\"all\": true, \"groups\": [\"" GROUP "\"]}", "audience: names groups, and all" },
	{ "{\"last_inbound_within_days\": 0}",
		"audience: last_inbound_within_days must be a number of days from 1 to 36500" },
	{ "{\"not_contacted_for_days\": \"7\"}",
		"audience: not_contacted_for_days must be a number of days from 1 to 36500" },
	{ "{\"not_contacted_for_days\": 36501}",
		"audience: not_contacted_for_days must be a number of days from 1 to 36500" },
};

static void what_is_not_understood_is_a_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(faults); i++) {
		struct audience_definition d;
		struct reasons why;

		assert_int_equal(parse(faults[i].json, &d, &why), -1);
		assert_int_equal(why.n, 1);
		assert_string_equal(arena_cstr(arena, why.at[0]), faults[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_audience_is_groups_less_groups_and_filters),
		cmocka_unit_test(each_list_may_have_fifty_groups),
		cmocka_unit_test(what_is_not_understood_is_a_reason),
	};

	return cmocka_run_group_tests(tests, arena_make, arena_drop);
}
