/* campaign-sender/effects/waits: accounts that share a limit wait longer each time that it is reached again. */
#include "unit.h"

#include "campaign-sender/effects/waits.h"

#define S INT64_C(1000000)
#define assert_until(w, scope, at_s, want_s) \
	assert_int_equal(scope_waits_until((w), STR(scope), (at_s) * S) / S, (want_s))

static void waits_double_up_to_a_quarter_of_an_hour(void **state)
{
	static const int64_t want_s[] = { 60, 120, 240, 480, 900, 900 };
	struct scope_waits *w = scope_waits_new();
	int64_t at_s = 1000;

	(void)state;
	for (size_t i = 0; i < sizeof(want_s) / sizeof(want_s[0]); i++) {
		assert_until(w, "1:W", at_s, at_s + want_s[i]);
		at_s += want_s[i] + 10;
	}
	scope_waits_free(w);
}

static void what_was_in_flight_does_not_prolong_a_wait(void **state)
{
	struct scope_waits *w = scope_waits_new();

	(void)state;
	assert_until(w, "1:W", 1000, 1060);
	assert_until(w, "1:W", 1001, 1060);
	assert_until(w, "1:W", 1059, 1060);
	assert_until(w, "1:W", 1060, 1180);
	scope_waits_free(w);
}

static void a_quiet_time_begins_anew(void **state)
{
	struct scope_waits *w = scope_waits_new();

	(void)state;
	assert_until(w, "1:W", 1000, 1060);
	assert_until(w, "1:W", 1060 + 901, 1060 + 901 + 60);
	scope_waits_free(w);
}

static void scopes_wait_apart(void **state)
{
	struct scope_waits *w = scope_waits_new();

	(void)state;
	assert_until(w, "1:W", 1000, 1060);
	assert_until(w, "1:W", 1060, 1180);
	assert_until(w, "1:V", 1060, 1120);
	scope_waits_free(w);
}

static void without_a_memory_each_wait_is_the_first(void **state)
{
	(void)state;
	assert_until(NULL, "1:W", 1000, 1060);
	assert_until(NULL, "1:W", 1060, 1120);
	scope_waits_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_double_up_to_a_quarter_of_an_hour),
		cmocka_unit_test(what_was_in_flight_does_not_prolong_a_wait),
		cmocka_unit_test(a_quiet_time_begins_anew),
		cmocka_unit_test(scopes_wait_apart),
		cmocka_unit_test(without_a_memory_each_wait_is_the_first),
	};

	return cmocka_run_group_tests_name("campaign-sender/effects/waits", tests, NULL, NULL);
}
