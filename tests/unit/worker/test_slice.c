/* libs/worker/slice: how heavy the next slice of bulk may be. */
#include "unit.h"

#include "worker/slice.h"

static const struct {
	const char *name;
	size_t weight, limit, least, cap;
	int64_t took_us;
	size_t want;
} cases[] = {
	{ "what takes as long as wanted stays", 100, 100, 1, 1000, 100000, 100 },
	{ "a slower one is followed by a lighter one", 100, 100, 1, 1000, 125000, 80 },
	{ "but by half at least, as it may have waited for something", 100, 100, 1, 1000, 4500000, 50 },
	{ "a faster one by a heavier one", 100, 100, 1, 1000, 80000, 125 },
	{ "but by twice as heavy a one at most", 100, 100, 1, 1000, 5000, 200 },
	{ "never by more than a batch may have", 800, 800, 1, 1000, 5000, 1000 },
	{ "never by nothing", 1, 1, 1, 1000, 25000000, 1 },
	{ "from which it grows again", 1, 1, 1, 1000, 25000, 2 },
	{ "one that had less to take in says nothing about more", 5, 100, 1, 1000, 10000, 100 },
	{ "but that it took long counts", 5, 100, 1, 1000, 100001, 50 },
	{ "a record that is heavier than the limit is one slice", 51, 10, 1, 1000, 200000, 20 },
	{ "never by less than the least, however slow", 60, 60, 50, 1000, 4500000, 50 },
	{ "nor after a light one", 1, 50, 50, 1000, 4500000, 50 },
	{ "no time at all is no reason to divide by it", 10, 10, 1, 1000, 0, 20 },
};

static void a_slice_is_as_heavy_as_its_time_allows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t got =
			slice_next(cases[i].weight, cases[i].limit, cases[i].least, cases[i].cap, cases[i].took_us);

		if (got != cases[i].want)
			fail_msg("%s: %zu, not %zu", cases[i].name, got, cases[i].want);
	}
}

static const struct {
	const char *name;
	int64_t live_us, slice_us;
	bool want;
} turns[] = {
	{ "bulk that had no turn yet has the next", 0, 0, true },
	{ "a slice waits for four times what the last one took", 399999, 100000, false },
	{ "and no longer", 400000, 100000, true },
	{ "a short one has its turn sooner", 8000, 2000, true },
	{ "a long one later, so that live batches have their share", 1599999, 400000, false },
	{ "but one that waited for something counts as a second", 4000000, 25000000, true },
};

static void while_live_batches_are_full_bulk_gets_a_fifth_of_the_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++)
		if (slice_due(turns[i].live_us, turns[i].slice_us) != turns[i].want)
			fail_msg("%s", turns[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slice_is_as_heavy_as_its_time_allows),
		cmocka_unit_test(while_live_batches_are_full_bulk_gets_a_fifth_of_the_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
