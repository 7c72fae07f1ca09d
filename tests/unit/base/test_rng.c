/* libs/base/rng: enough to notice a constant, a short read or a wrong range. */
#include "unit.h"

#include <string.h>

#include "base/rng.h"

/* Each bit of each byte is set in some of 64 draws: wrong by chance once in 2^50 runs. */
static void every_byte_is_drawn(void **state)
{
	unsigned char once[1000], ever[1000] = { 0 }, always[1000];

	(void)state;
	memset(always, 0xff, sizeof(always));
	for (int draw = 0; draw < 64; draw++) {
		rng_bytes(once, sizeof(once));
		for (size_t i = 0; i < sizeof(once); i++) {
			ever[i] |= once[i];
			always[i] &= once[i];
		}
	}
	for (size_t i = 0; i < sizeof(once); i++) {
		assert_int_equal(ever[i], 0xff);
		assert_int_equal(always[i], 0);
	}
}

static void units_fill_the_range_from_zero_to_one(void **state)
{
	int quarters[4] = { 0 };

	(void)state;
	for (int i = 0; i < 4000; i++) {
		double u = rng_unit();

		assert_true(u >= 0 && u < 1);
		quarters[(int)(u * 4)]++;
	}
	for (int i = 0; i < 4; i++)
		assert_in_range(quarters[i], 700, 1300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_is_drawn),
		cmocka_unit_test(units_fill_the_range_from_zero_to_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
