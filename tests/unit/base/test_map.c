/* libs/base/map: compared with a plain array that is too simple to be wrong. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/map.h"

enum { KEYS = 3000 };

static struct str key_of(int i, char text[static 16])
{
	return (struct str){ text, (size_t)snprintf(text, 16, "key-%d", i) };
}

static void absent_keys_give_null(void **state)
{
	struct map *m = map_new();

	(void)state;
	assert_null(map_get(m, STR("x")));
	assert_null(*map_slot(m, STR("x")));
	assert_int_equal(map_count(m), 1);
	map_del(m, STR("y"));
	assert_int_equal(map_count(m), 1);
	map_free(m);
}

static void keys_are_bytes_and_are_copied(void **state)
{
	struct map *m = map_new();
	char key[] = { 'a', '\0', 'b' };
	int first, second, third;

	(void)state;
	*map_slot(m, (struct str){ key, 3 }) = &first;
	*map_slot(m, (struct str){ key, 1 }) = &second;
	*map_slot(m, STR("")) = &third;
	memset(key, 'z', sizeof(key));
	assert_ptr_equal(map_get(m, STR("a\0b")), &first);
	assert_ptr_equal(map_get(m, STR("a")), &second);
	assert_ptr_equal(map_get(m, STR("")), &third);
	assert_int_equal(map_count(m), 3);
	map_free(m);
}

static void iteration_follows_insertion_through_growth(void **state)
{
	static int values[KEYS];
	struct map *m = map_new();
	struct str key;
	char text[16];
	size_t at = 0;
	void *value;

	(void)state;
	for (int i = 0; i < KEYS; i++)
		*map_slot(m, key_of(i, text)) = &values[i];
	for (int i = 0; i < KEYS; i++) {
		assert_true(map_each(m, &at, &key, &value));
		assert_ptr_equal(value, &values[i]);
		assert_true(str_eq(key, key_of(i, text)));
	}
	assert_false(map_each(m, &at, &key, &value));
	map_free(m);
}

static void the_current_key_may_be_deleted_while_iterating(void **state)
{
	static int values[KEYS];
	struct map *m = map_new();
	struct str key;
	char text[16];
	size_t at = 0, seen = 0;
	void *value;

	(void)state;
	for (int i = 0; i < KEYS; i++)
		*map_slot(m, key_of(i, text)) = &values[i];
	for (; map_each(m, &at, &key, &value); seen++) {
		assert_ptr_equal(value, &values[seen]);
		if (seen % 2 == 0)
			map_del(m, key);
	}
	assert_int_equal(seen, KEYS);
	assert_int_equal(map_count(m), KEYS / 2);
	for (int i = 0; i < KEYS; i++)
		assert_ptr_equal(map_get(m, key_of(i, text)), i % 2 ? &values[i] : NULL);
	map_free(m);
}

static void insertions_and_deletions_in_any_order_agree_with_an_array(void **state)
{
	static int values[64];
	void *model[64] = { NULL };
	struct map *m = map_new();
	uint32_t random = 1;
	char text[16];

	(void)state;
	for (int step = 0; step < 100000; step++) {
		size_t count = 0;
		int i;

		random = random * 1664525 + 1013904223;
		i = (int)(random >> 26);
		if (random >> 16 & 1)
			model[i] = *map_slot(m, key_of(i, text)) = &values[i];
		else
			map_del(m, key_of(i, text)), model[i] = NULL;
		i = (int)(random >> 10 & 63);
		assert_ptr_equal(map_get(m, key_of(i, text)), model[i]);
		for (int j = 0; j < 64; j++)
			count += model[j] != NULL;
		assert_int_equal(map_count(m), count);
	}
	map_free(m);
}

static void a_cleared_map_is_empty_and_usable(void **state)
{
	struct map *m = map_new();
	struct str key;
	size_t at = 0;
	void *value;
	int v;

	(void)state;
	*map_slot(m, STR("a")) = &v;
	map_clear(m);
	assert_int_equal(map_count(m), 0);
	assert_null(map_get(m, STR("a")));
	assert_false(map_each(m, &at, &key, &value));
	*map_slot(m, STR("a")) = &v;
	assert_ptr_equal(map_get(m, STR("a")), &v);
	map_free(m);
	map_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absent_keys_give_null),
		cmocka_unit_test(keys_are_bytes_and_are_copied),
		cmocka_unit_test(iteration_follows_insertion_through_growth),
		cmocka_unit_test(the_current_key_may_be_deleted_while_iterating),
		cmocka_unit_test(insertions_and_deletions_in_any_order_agree_with_an_array),
		cmocka_unit_test(a_cleared_map_is_empty_and_usable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
