/* libs/base/buf: what was appended is what is there. */
#include "unit.h"

#include <string.h>

#include "base/buf.h"

static void appended_parts_stand_in_order(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_add(&b, "ab", 2);
	buf_add_char(&b, 'c');
	buf_add_str(&b, STR("de"));
	buf_add_str(&b, STR_NONE);
	buf_printf(&b, "%d", 42);
	assert_true(str_is(buf_str(&b), "abcde42"));
	buf_fini(&b);
}

static void growth_keeps_every_byte(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < 100000; i++)
		buf_add_char(&b, (char)(i % 251));
	assert_int_equal(b.n, 100000);
	for (size_t i = 0; i < b.n; i++)
		assert_int_equal((unsigned char)b.p[i], i % 251);
	buf_fini(&b);
}

static void printf_grows_for_a_long_text(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	for (int width = 1; width < 300; width++) {
		buf_clear(&b);
		buf_add_char(&b, '>');
		buf_printf(&b, "%*d", width, 7);
		assert_int_equal(b.n, width + 1);
		assert_int_equal(b.p[0], '>');
		assert_int_equal(b.p[width], '7');
	}
	buf_fini(&b);
}

static void numbers_are_big_endian(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_add_be16(&b, 0x8102);
	buf_add_be32(&b, 0x81020304);
	buf_add_be64(&b, 0x8102030405060708);
	assert_int_equal(b.n, 14);
	assert_memory_equal(b.p, "\x81\x02\x81\x02\x03\x04\x81\x02\x03\x04\x05\x06\x07\x08", 14);
	buf_put_be32(&b, 10, 0xfffefdfc);
	assert_memory_equal(b.p + 6, "\x81\x02\x03\x04\xff\xfe\xfd\xfc", 8);
	buf_fini(&b);
}

static void reserved_room_can_be_written_to_the_last_byte(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_add_char(&b, 'x');
	memset(buf_reserve(&b, 1000), 'y', 1000);
	assert_in_range(b.cap, 1001, SIZE_MAX);
	assert_int_equal(b.n, 1);
	assert_non_null(buf_reserve(&b, 0));
	buf_fini(&b);
}

static void clear_keeps_the_memory_and_fini_frees_it(void **state)
{
	struct buf b = BUF_INIT;
	const char *p;

	(void)state;
	buf_add(&b, "abc", 3);
	p = b.p;
	buf_clear(&b);
	assert_int_equal(b.n, 0);
	assert_ptr_equal(b.p, p);
	buf_fini(&b);
	assert_null(b.p);
	buf_fini(&b);
}

static void an_unused_buffer_is_an_empty_string(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_true(str_is(buf_str(&b), ""));
}

static void wiping_covers_bytes_of_earlier_longer_content(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_wipe(&b);
	assert_null(b.p);
	buf_add_str(&b, STR("a long secret"));
	buf_clear(&b);
	buf_add_str(&b, STR("short"));
	buf_wipe(&b);
	assert_int_equal(b.n, 0);
	for (const char *p = b.p; p < b.p + sizeof("a long secret") - 1; p++)
		assert_int_equal(*p, '\0');
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appended_parts_stand_in_order),
		cmocka_unit_test(growth_keeps_every_byte),
		cmocka_unit_test(printf_grows_for_a_long_text),
		cmocka_unit_test(numbers_are_big_endian),
		cmocka_unit_test(reserved_room_can_be_written_to_the_last_byte),
		cmocka_unit_test(clear_keeps_the_memory_and_fini_frees_it),
		cmocka_unit_test(an_unused_buffer_is_an_empty_string),
		cmocka_unit_test(wiping_covers_bytes_of_earlier_longer_content),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
