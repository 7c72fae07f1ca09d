/* libs/base/arena: pieces are aligned, zeroed and never overlap, before and after a reset. */
#include "unit.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

static void pieces_of_all_sizes_do_not_overlap(void **state)
{
	enum { N = 2000 };
	struct arena *a = arena_new(0);
	unsigned char *pieces[N];

	(void)state;
	for (size_t i = 0; i < N; i++) {
		pieces[i] = arena_alloc(a, i * 7 % 3001);
		assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
		memset(pieces[i], (int)(i & 0xff), i * 7 % 3001);
	}
	for (size_t i = 0; i < N; i++)
		for (size_t j = 0; j < i * 7 % 3001; j++)
			assert_int_equal(pieces[i][j], i & 0xff);
	arena_free(a);
}

static void memory_is_zeroed_again_after_a_reset(void **state)
{
	struct arena *a = arena_new(4096);
	char *before = arena_alloc(a, 1000), *after;

	(void)state;
	memset(before, 'x', 1000);
	arena_alloc(a, 100000);
	arena_reset(a);
	assert_int_equal(arena_used_bytes(a), 0);
	after = arena_alloc(a, 1000);
	assert_ptr_equal(after, before);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(after[i], 0);
	arena_free(a);
}

static void a_big_piece_does_not_waste_the_current_block(void **state)
{
	struct arena *a = arena_new(4096);
	char *first = arena_alloc(a, 16), *second;

	(void)state;
	arena_alloc(a, 1 << 20);
	second = arena_alloc(a, 16);
	assert_ptr_equal(second, first + 16);
	arena_free(a);
}

static void used_bytes_grow_with_allocations(void **state)
{
	struct arena *a = arena_new(4096);

	(void)state;
	assert_int_equal(arena_used_bytes(a), 0);
	arena_alloc(a, 100);
	assert_in_range(arena_used_bytes(a), 100, 128);
	arena_alloc(a, 1 << 20);
	assert_in_range(arena_used_bytes(a), (1 << 20) + 100, (1 << 20) + 160);
	arena_free(a);
}

static void an_allocation_of_zero_bytes_has_a_pointer_of_its_own(void **state)
{
	struct arena *a = arena_new(0);

	(void)state;
	assert_ptr_not_equal(arena_alloc(a, 0), arena_alloc(a, 0));
	assert_non_null(ARENA_ARRAY(a, int, 0));
	arena_free(a);
}

static void copies_end_with_nul_and_an_absent_string_stays_absent(void **state)
{
	struct arena *a = arena_new(0);
	struct str copy = arena_str(a, (struct str){ "abcdef", 3 });

	(void)state;
	assert_int_equal(copy.n, 3);
	assert_string_equal(copy.p, "abc");
	assert_null(arena_str(a, STR_NONE).p);
	assert_non_null(arena_str(a, STR("")).p);
	assert_string_equal(arena_cstr(a, STR_NONE), "");
	arena_free(a);
}

static void printf_takes_any_length(void **state)
{
	struct arena *a = arena_new(0);
	struct str s = arena_printf(a, "%05000d", 1);

	(void)state;
	assert_int_equal(s.n, 5000);
	assert_int_equal(s.p[4999], '1');
	assert_int_equal(s.p[5000], '\0');
	assert_int_equal(arena_printf(a, "%s", "").n, 0);
	arena_free(a);
}

static void destroyers_accept_null(void **state)
{
	(void)state;
	arena_free(NULL);
}

static void mem_functions_take_zero_bytes(void **state)
{
	void *p = mem_realloc(mem_alloc(0), 0), *q = mem_calloc(0, 8);
	char *s = mem_cstr((struct str){ "a\0b", 3 });

	(void)state;
	assert_non_null(p);
	assert_non_null(q);
	assert_memory_equal(s, "a\0b", 4);
	free(p);
	free(q);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_of_all_sizes_do_not_overlap),
		cmocka_unit_test(memory_is_zeroed_again_after_a_reset),
		cmocka_unit_test(a_big_piece_does_not_waste_the_current_block),
		cmocka_unit_test(used_bytes_grow_with_allocations),
		cmocka_unit_test(an_allocation_of_zero_bytes_has_a_pointer_of_its_own),
		cmocka_unit_test(copies_end_with_nul_and_an_absent_string_stays_absent),
		cmocka_unit_test(printf_takes_any_length),
		cmocka_unit_test(destroyers_accept_null),
		cmocka_unit_test(mem_functions_take_zero_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
