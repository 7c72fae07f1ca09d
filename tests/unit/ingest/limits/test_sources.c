/* services/ingest/limits/sources: what the unauthenticated requests of a source hold, and that a source without requests has
 * no entry. */
#include "unit.h"

#include "ingest/limits/sources.h"

static void a_source_is_shared_by_its_requests(void **state)
{
	struct sources *s = sources_new();
	struct source *one = sources_enter(s, STR("abcd")), *again = sources_enter(s, STR("abcd")),
		      *other = sources_enter(s, STR("efgh"));

	(void)state;
	assert_ptr_equal(one, again);
	assert_ptr_not_equal(one, other);
	one->bytes += 5;
	again->bytes += 7;
	assert_int_equal(sources_look(s, STR("abcd")).requests, 2);
	assert_int_equal(sources_look(s, STR("abcd")).bytes, 12);
	assert_int_equal(sources_look(s, STR("efgh")).bytes, 0);
	sources_leave(s, &one, 5);
	assert_null(one);
	assert_int_equal(sources_look(s, STR("abcd")).bytes, 7);
	sources_leave(s, &again, 7);
	sources_leave(s, &again, 7);
	assert_int_equal(sources_look(s, STR("abcd")).requests, 0);
	sources_leave(s, &other, 0);
	sources_free(s);
}

static void requests_without_an_address_share_one_source(void **state)
{
	struct sources *s = sources_new();
	struct source *one = sources_enter(s, STR(""));

	(void)state;
	assert_int_equal(sources_look(s, STR("")).requests, 1);
	sources_leave(s, &one, 0);
	assert_int_equal(sources_look(s, STR("")).requests, 0);
	sources_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_source_is_shared_by_its_requests),
		cmocka_unit_test(requests_without_an_address_share_one_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
