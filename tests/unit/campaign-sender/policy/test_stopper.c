/* services/campaign-sender/policy/stopper: when results stop a campaign, against a plain count. */
#include "campaign-sender/policy/stopper.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static unsigned seed;

/* The result that stops it, counted from 1; 0: none. Letters are codes, '.' a success. */
static int stopped_at(const char *results, size_t repeat)
{
	struct stopper s = { .n = 0 };
	int n = 0;

	for (size_t r = 0; r < repeat; r++)
		for (const char *p = results; *p; p++) {
			n++;
			if (stopper_add(&s, *p == '.' ? STR_NONE : (struct str){ p, 1 }))
				return n;
		}
	return 0;
}

static void each_row_of_results_stops_a_campaign_or_not(void **state)
{
	static const struct {
		const char *name, *results;
		size_t repeat;
		int want;
	} cases[] = {
		{ "successes", ".", 1000, 0 },
		{ "five in a row at the beginning", "aaaaa", 1, 5 },
		{ "the fifth of the first ten", ".a.a.a.a.a", 1, 10 },
		{ "four of the first ten", ".a.a.a.a..", 1, 0 },
		{ "the fifth is the eleventh result", ".a.a.a.a..a", 1, 0 },
		{ "five of different codes", "abcde", 1, 0 },
		{ "two codes by turns are each one of five", "abababab.a", 1, 10 },
		{ "half of the last fifty", "...........a", 1, 0 },
		{ "after ten successes the twenty-sixth", "..........aaaaaaaaaaaaaaaaaaaaaaaaaaa", 1, 36 },
		{ "half of all are not over half",
			"..........a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.", 1, 0 },
		{ "two of three after a good beginning", "..........aa.aa.aa.aa.aa.aa.aa.aa.aa.aa.aa.aa.aa.", 1, 48 },
		{ "old failures leave the window", "....a.....", 100, 0 },
		{ "four in ten for ever", "aaaa......", 100, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (stopped_at(cases[i].results, cases[i].repeat) != cases[i].want)
			fail_msg("%s: %d", cases[i].name, stopped_at(cases[i].results, cases[i].repeat));
}

#define RESULTS 3000

static int counted(const char *results, int from, int to, char code)
{
	int n = 0;

	for (int i = from < 0 ? 0 : from; i < to; i++)
		n += results[i] == code;
	return n;
}

static void random_results_are_counted_as_from_a_list_of_them(void **state)
{
	static const char letters[] = "aaabc.....";
	char results[RESULTS];
	struct stopper s = { .n = 0 };

	(void)state;
	seed = 7;
	for (int i = 0; i < RESULTS; i++) {
		bool failing = i / 200 % 2 == 1, want, got;
		int first = i + 1 < STOPPER_LAST ? 0 : i + 1 - STOPPER_LAST;
		struct str code = { &results[i], 1 };

		results[i] = letters[(size_t)rand_r(&seed) % (failing ? 6 : 10)];
		got = stopper_add(&s, results[i] == '.' ? STR_NONE : code);
		want = results[i] != '.' &&
			(i < STOPPER_FIRST ? counted(results, 0, i + 1, results[i]) >= 5
					   : counted(results, first, i + 1, results[i]) > 25);
		if (got != want)
			fail_msg("result %d", i);
		assert_int_equal(stopper_share(&s, STR("a")),
			100 * counted(results, first, i + 1, 'a') / (i + 1 - first));
	}
}

static void the_share_of_no_results_is_0(void **state)
{
	struct stopper s = { .n = 0 };

	(void)state;
	assert_int_equal(stopper_share(&s, STR("a")), 0);
	assert_false(stopper_add(&s, STR("a")));
	assert_int_equal(stopper_share(&s, STR("a")), 100);
	assert_int_equal(stopper_share(&s, STR_NONE), 0);
}

static void four_billion_results_are_not_a_beginning(void **state)
{
	struct stopper s = { .n = UINT32_MAX - 3 };

	(void)state;
	for (int i = 0; i < STOPPER_LAST / 2; i++)
		assert_false(stopper_add(&s, STR("a")));
	assert_true(stopper_add(&s, STR("a")));
	assert_int_equal(stopper_share(&s, STR("a")), 52);
	assert_true(s.n < 1000);
}

static void a_share_is_of_as_many_results_as_the_ring_has(void **state)
{
	struct stopper s = { .n = 0 };

	(void)state;
	for (int i = 0; i < STOPPER_LAST - 1; i++)
		(void)stopper_add(&s, i < 12 ? STR("a") : STR_NONE);
	assert_false(stopper_is_over(&s, STR("a"), 20));
	(void)stopper_add(&s, STR_NONE);
	assert_true(stopper_is_over(&s, STR("a"), 20));
	assert_false(stopper_is_over(&s, STR("a"), 24));
	assert_false(stopper_is_over(&s, STR("b"), 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_of_results_stops_a_campaign_or_not),
		cmocka_unit_test(random_results_are_counted_as_from_a_list_of_them),
		cmocka_unit_test(the_share_of_no_results_is_0),
		cmocka_unit_test(four_billion_results_are_not_a_beginning),
		cmocka_unit_test(a_share_is_of_as_many_results_as_the_ring_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
