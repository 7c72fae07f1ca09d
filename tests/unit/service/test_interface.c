/* Which address a network stands for, on a machine that has loopback. */
#include "unit.h"

#include "service/interface.h"

static void a_network_stands_for_the_address_in_it(void **state)
{
	static const struct {
		const char *listen, *want;
	} cases[] = {
		{ "127.0.0.0/8:9101", "127.0.0.1:9101" },
		{ "127.0.0.1/32:0", "127.0.0.1:0" },
		{ ":9101", ":9101" },
		{ "localhost:9101", "localhost:9101" },
		{ "[::1]:9101", "[::1]:9101" },
		{ "nonsense", "nonsense" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf got = BUF_INIT;
		struct err err;

		assert_int_equal(interface_listen(cases[i].listen, &got, &err), 0);
		assert_string_equal(got.p, cases[i].want);
		buf_fini(&got);
	}
}

static void a_network_without_an_address_here_is_a_failure(void **state)
{
	static const struct {
		const char *listen;
		enum err_kind kind;
	} cases[] = {
		{ "240.0.0.0/8:9101", ERR_FATAL },
		{ "127.0.0.0/99:9101", ERR_INPUT },
		{ "127.0.0.1/x:9101", ERR_INPUT },
		{ "/8:9101", ERR_INPUT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf got = BUF_INIT;
		struct err err;

		assert_int_equal(interface_listen(cases[i].listen, &got, &err), -1);
		assert_int_equal(err.kind, cases[i].kind);
		buf_fini(&got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_stands_for_the_address_in_it),
		cmocka_unit_test(a_network_without_an_address_here_is_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
