/* services/ingest/limits/limits: which keys are remembered, and how many. */
#include "unit.h"

#include <stdio.h>

#include "ingest/limits/limits.h"

static struct str number_key(int i, char out[static 16])
{
	snprintf(out, 16, "%d", i);
	return str_of(out);
}

static void a_key_in_use_is_remembered_while_others_pass(void **state)
{
	struct limiter *l = limiter_new(100);
	char text[16];

	(void)state;
	limiter_entry(l, STR("mine"))->last_ok_ms = 7;
	for (int i = 0; i < 10000; i++) {
		limiter_entry(l, number_key(i, text));
		assert_non_null(limiter_find(l, STR("mine")));
	}
	assert_int_equal(limiter_find(l, STR("mine"))->last_ok_ms, 7);
	limiter_free(l);
}

static void no_more_keys_are_remembered_than_allowed(void **state)
{
	struct limiter *l = limiter_new(100);
	char text[16];
	int remembered = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		limiter_entry(l, number_key(i, text));
	for (int i = 0; i < 900; i++)
		assert_null(limiter_find(l, number_key(i, text)));
	for (int i = 900; i < 1000; i++)
		remembered += limiter_find(l, number_key(i, text)) != NULL;
	assert_in_range(remembered, 50, 100);
	limiter_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_in_use_is_remembered_while_others_pass),
		cmocka_unit_test(no_more_keys_are_remembered_than_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
