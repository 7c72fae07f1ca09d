/* libs/base/clock: main sets BLAZZ_CLOCK_OFFSET_MS and BLAZZ_CLOCK_FILE before anything reads a clock. */
#include "unit.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define OFFSET_MS 86400000

static int clock_file;

static void jump(int64_t us)
{
	assert_int_equal(pwrite(clock_file, &us, sizeof(us), 0), sizeof(us));
}

static int64_t outside_ms(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void wall_time_is_shifted_by_the_offset(void **state)
{
	int64_t before = outside_ms(CLOCK_REALTIME), ms = clock_now_ms(), us = clock_now_us();
	int64_t after = outside_ms(CLOCK_REALTIME);

	(void)state;
	assert_true(ms >= before + OFFSET_MS && ms <= after + OFFSET_MS);
	assert_true(us / 1000 >= before + OFFSET_MS && us / 1000 <= after + OFFSET_MS);
}

static void the_offset_is_read_once(void **state)
{
	(void)state;
	clock_now_ms();
	setenv("BLAZZ_CLOCK_OFFSET_MS", "0", 1);
	assert_true(clock_now_ms() >= outside_ms(CLOCK_REALTIME) + OFFSET_MS - 1000);
}

static void a_file_moves_the_wall_clock_of_a_running_program(void **state)
{
	(void)state;
	jump(-3600 * INT64_C(1000000));
	assert_true(clock_now_ms() <= outside_ms(CLOCK_REALTIME) + OFFSET_MS - 3600000);
	assert_true(clock_mono_ms() <= outside_ms(CLOCK_MONOTONIC));
	jump(0);
	assert_true(clock_now_ms() >= outside_ms(CLOCK_REALTIME) + OFFSET_MS - 1000);
}

static bool follows(int64_t want_us)
{
	int64_t behind_us = clock_now_us() - want_us;

	return behind_us >= 0 && behind_us < 1000000;
}

/* The last test of the wall clock: it follows for good. */
static void a_clock_that_follows_another_is_moved_by_nothing_else(void **state)
{
	const int64_t hour_us = 3600 * INT64_C(1000000), away_us = clock_now_us() - hour_us;

	(void)state;
	assert_in_range(-clock_follow_us(away_us), hour_us, hour_us + 1000000);
	assert_true(follows(away_us));
	jump(hour_us);
	assert_true(follows(away_us));
	assert_int_equal(clock_follow_us(clock_now_us() - 900000), 0);
	assert_true(follows(away_us));
	assert_in_range(clock_follow_us(away_us + hour_us), hour_us - 1000000, hour_us);
	assert_true(follows(away_us + hour_us));
	jump(0);
}

static void monotonic_time_is_not_shifted(void **state)
{
	int64_t before = outside_ms(CLOCK_MONOTONIC), ms = clock_mono_ms(), us = clock_mono_us();
	int64_t after = outside_ms(CLOCK_MONOTONIC);

	(void)state;
	assert_true(ms >= before && ms <= after);
	assert_true(us / 1000 >= before && us / 1000 <= after);
}

static void times_are_formatted_in_utc(void **state)
{
	static const struct {
		int64_t ms;
		const char *want;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 1767225600000, "2026-01-01T00:00:00.000Z" },
		{ 1709210096789, "2024-02-29T12:34:56.789Z" },
		{ -1, "1969-12-31T23:59:59.999Z" },
		{ -1000, "1969-12-31T23:59:59.000Z" },
		{ 253402300799999, "9999-12-31T23:59:59.999Z" },
		{ INT64_MAX, "9999-12-31T23:59:59.999Z" },
		{ INT64_MIN, "0000-01-01T00:00:00.000Z" },
	};
	char out[25];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		clock_format_ms(cases[i].ms, out);
		assert_string_equal(out, cases[i].want);
	}
}

static int file_open(void **state)
{
	char path[] = "/tmp/clock-XXXXXX";

	(void)state;
	clock_file = mkstemp(path);
	jump(0);
	setenv("BLAZZ_CLOCK_FILE", path, 1);
	clock_now_ms();
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wall_time_is_shifted_by_the_offset),
		cmocka_unit_test(the_offset_is_read_once),
		cmocka_unit_test(a_file_moves_the_wall_clock_of_a_running_program),
		cmocka_unit_test(a_clock_that_follows_another_is_moved_by_nothing_else),
		cmocka_unit_test(monotonic_time_is_not_shifted),
		cmocka_unit_test(times_are_formatted_in_utc),
	};

	setenv("BLAZZ_CLOCK_OFFSET_MS", "86400000", 1);
	setenv("TZ", "Asia/Tokyo", 1);
	return cmocka_run_group_tests(tests, file_open, NULL);
}
