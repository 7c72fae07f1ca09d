/* libs/pacing/share: what a tenant may hold beside others, and what is left for one that holds nothing. */
#include "pacing/share.h"

#include <stdlib.h>

#include "unit.h"

#define COUNT(a)     (sizeof(a) / sizeof((a)[0]))
#define MOST_TENANTS 1000
#define STEPS        20000

static const struct {
	const char *name;
	size_t slots;
	int percent;
	size_t used, holders, held;
	bool wanted_by_others, want;
} cases[] = {
	{ "the first slot of all", 1000, 25, 0, 0, 0, true, true },
	{ "below a quarter of all", 1000, 25, 249, 1, 249, true, true },
	{ "a quarter, while others want slots", 1000, 25, 250, 1, 250, true, false },
	{ "and while others hold some", 1000, 25, 251, 2, 250, false, false },
	{ "alone it goes beyond its share", 1000, 25, 250, 1, 250, false, true },
	{ "alone it leaves a share free", 1000, 25, 750, 1, 750, false, false },
	{ "to the last slot before that", 1000, 25, 749, 1, 749, false, true },
	{ "beyond its share it gets nothing more once another has come", 1000, 25, 751, 2, 750, false, false },
	{ "the other gets its first slot", 1000, 25, 750, 1, 0, true, true },
	{ "a third of what is free", 1000, 25, 700, 9, 100, true, false },
	{ "less than a third of what is free", 1000, 25, 700, 9, 99, true, true },
	{ "the last slot is for one that has none", 1000, 25, 999, 999, 0, true, true },
	{ "and not for one that has one", 1000, 25, 999, 999, 1, true, false },
	{ "no slot is free", 1000, 25, 1000, 1000, 0, true, false },
	{ "one slot can be used", 1, 25, 0, 0, 0, true, true },
	{ "of one slot there is no second", 1, 25, 1, 1, 0, true, false },
	{ "of two slots one tenant has one", 2, 50, 1, 1, 1, false, false },
	{ "a share that is less than a slot is a slot", 3, 1, 1, 1, 1, true, false },
	{ "half is the largest share", 10, 50, 4, 1, 4, true, true },
	{ "and no more", 10, 50, 5, 1, 5, true, false },
};

static void each_row_decides_whether_a_tenant_gets_a_slot(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct share s;

		share_init(&s, cases[i].slots, cases[i].percent);
		s.used = cases[i].used;
		s.holders = cases[i].holders;
		if (share_admits(&s, cases[i].held, cases[i].wanted_by_others) != cases[i].want)
			fail_msg("%s", cases[i].name);
	}
}

/* README's bound: each takes a share of what the ones before it left, rounded up. */
static size_t free_at_least(const struct share *s, size_t hostile)
{
	size_t left = s->slots;

	for (size_t i = 0; i < hostile; i++)
		left = left * (100 - s->percent) / 100;
	return left;
}

/* README's bound where all began at once: each holds a third of what is left. */
static size_t free_of_equals(const struct share *s, size_t hostile)
{
	size_t ratio = (100 - s->percent) / s->percent;

	return hostile < s->slots ? ratio * (s->slots - hostile) / (hostile + ratio) : 0;
}

static const size_t hostile[] = { 1, 2, 3, 4, 5, 10, 20, 100, 499, 999 };

static void hanging_tenants_leave_the_share_of_the_formula_when_arriving_in_turns(void **state)
{
	static size_t held[MOST_TENANTS];
	struct share s;

	(void)state;
	for (size_t i = 0; i < COUNT(hostile); i++) {
		bool more = true;

		share_init(&s, 1000, 25);
		for (size_t k = 0; k < hostile[i]; k++)
			held[k] = 0;
		while (more) {
			more = false;
			for (size_t k = 0; k < hostile[i]; k++)
				if (share_admits(&s, held[k], true)) {
					share_acquire(&s, &held[k]);
					more = true;
				}
		}
		if (s.slots - s.used < free_of_equals(&s, hostile[i]))
			fail_msg("%zu tenants leave %zu", hostile[i], s.slots - s.used);
		assert_true(share_admits(&s, 0, true));
	}
}

static void hanging_tenants_leave_the_share_of_the_formula_when_arriving_in_sequence(void **state)
{
	struct share s;

	(void)state;
	for (size_t i = 0; i < COUNT(hostile); i++) {
		share_init(&s, 1000, 25);
		for (size_t k = 0; k < hostile[i]; k++) {
			size_t held = 0;

			while (share_admits(&s, held, true))
				share_acquire(&s, &held);
		}
		assert_int_equal(s.slots - s.used, free_at_least(&s, hostile[i]));
		assert_true(hostile[i] > 20 || share_admits(&s, 0, true));
	}
}

static void in_any_order_no_tenant_exceeds_its_share_and_the_bound_holds(void **state)
{
	unsigned seed = 15;

	(void)state;
	for (size_t tenants = 2; tenants <= 40; tenants += 2) {
		size_t held[40] = { 0 }, sum = 0;
		struct share s;

		share_init(&s, 1000, 25);
		for (int step = 0; step < STEPS; step++) {
			size_t at = (size_t)rand_r(&seed) % tenants, n = (size_t)rand_r(&seed) % 300;
			bool give = rand_r(&seed) % 2 == 0;

			for (; n > 0; n--) {
				if (give ? held[at] == 0 : !share_admits(&s, held[at], true))
					break;
				give ? share_release(&s, &held[at]) : share_acquire(&s, &held[at]);
				sum += give ? SIZE_MAX : 1;
			}
			assert_int_equal(s.used, sum);
			assert_true(held[at] <= 250);
			assert_true(s.slots - s.used >= free_at_least(&s, tenants));
		}
	}
}

static void a_single_tenant_gets_all_slots_but_one_share(void **state)
{
	size_t held = 0, other = 0;
	struct share s;

	(void)state;
	share_init(&s, 1000, 25);
	while (share_admits(&s, held, false))
		share_acquire(&s, &held);
	assert_int_equal(held, 750);
	while (share_admits(&s, other, true))
		share_acquire(&s, &other);
	assert_int_equal(other, 63); /* a quarter of what was free */
	for (; held > 250; share_release(&s, &held))
		assert_false(share_admits(&s, held, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_decides_whether_a_tenant_gets_a_slot),
		cmocka_unit_test(hanging_tenants_leave_the_share_of_the_formula_when_arriving_in_turns),
		cmocka_unit_test(hanging_tenants_leave_the_share_of_the_formula_when_arriving_in_sequence),
		cmocka_unit_test(in_any_order_no_tenant_exceeds_its_share_and_the_bound_holds),
		cmocka_unit_test(a_single_tenant_gets_all_slots_but_one_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
