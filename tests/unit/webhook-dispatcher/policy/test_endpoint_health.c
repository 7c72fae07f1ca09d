/* services/webhook-dispatcher/policy/endpoint_health: when an endpoint counts as failing, as recovered, and as failing for too long. */
#include "webhook-dispatcher/policy/endpoint_health.h"

#include "unit.h"

#include "pg/pg.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOW      INT64_C(1700000000000)
#define MINUTE   INT64_C(60000)
#define DAY      (1440 * MINUTE)
#define NEVER    INT64_MIN

static int64_t us_of(int64_t ms)
{
	return ms == NEVER ? PG_NO_TIME : ms * 1000;
}

static void failures_count_from_the_first(void **state)
{
	static const struct {
		const char *name;
		int64_t lane_since_ms, failing_since_ms, disable_after_ms;
		enum health_finding want;
		int64_t lane_since_after_ms;
	} cases[] = {
		{ "the first failure is not recorded", 0, NEVER, 5 * DAY, HEALTH_SAME, NOW },
		{ "nor does one within a minute", NOW - MINUTE + 1, NEVER, 5 * DAY, HEALTH_SAME, NOW - MINUTE + 1 },
		{ "after a minute it is recorded", NOW - MINUTE, NEVER, 5 * DAY, HEALTH_FAILS, NOW - MINUTE },
		{ "with a short limit it is recorded after a fifth of that", NOW - 200, NEVER, 1000, HEALTH_FAILS,
			NOW - 200 },
		{ "and not before", NOW - 199, NEVER, 1000, HEALTH_SAME, NOW - 199 },
		{ "once is enough", NOW - DAY, NOW - DAY, 5 * DAY, HEALTH_SAME, NOW - DAY },
		{ "another lane has recorded it", 0, NOW - DAY, 5 * DAY, HEALTH_SAME, NOW },
		{ "just short of the limit", NOW - DAY, NOW - 5 * DAY + 1, 5 * DAY, HEALTH_SAME, NOW - DAY },
		{ "the limit", NOW - DAY, NOW - 5 * DAY, 5 * DAY, HEALTH_EXPIRED, NOW - DAY },
		{ "the limit applies at the first failure of a new lane", 0, NOW - 6 * DAY, 5 * DAY, HEALTH_EXPIRED,
			NOW },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct endpoint_row row = { .failing_since_us = us_of(cases[i].failing_since_ms) };
		int64_t since = cases[i].lane_since_ms;

		if (health_failed(&row, &since, cases[i].disable_after_ms, NOW) != cases[i].want ||
			since != cases[i].lane_since_after_ms)
			fail_msg("%s", cases[i].name);
	}
}

static void a_success_ends_a_recorded_failure(void **state)
{
	static const struct {
		const char *name;
		int64_t failing_since_ms;
		enum endpoint_state state;
		enum health_finding want;
	} cases[] = {
		{ "no failure is recorded", NEVER, ENDPOINT_ACTIVE, HEALTH_SAME },
		{ "it was failing", NOW - DAY, ENDPOINT_ACTIVE, HEALTH_ANSWERS },
		{ "a delivery is exhausted", NEVER, ENDPOINT_FAILING, HEALTH_ANSWERS },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct endpoint_row row = { .failing_since_us = us_of(cases[i].failing_since_ms),
			.state = cases[i].state };
		int64_t since = NOW - DAY;

		if (health_succeeded(&row, &since) != cases[i].want || since != 0)
			fail_msg("%s", cases[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_count_from_the_first),
		cmocka_unit_test(a_success_ends_a_recorded_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
