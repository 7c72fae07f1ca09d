/* libs/http/exchange_class: what every answer and every failure is called. */
#include "unit.h"

#include "http/exchange_class.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void each_result_has_a_class(void **state)
{
	static const struct {
		enum exchange_failure failure;
		int status;
		const char *word;
	} cases[] = {
		{ EXCHANGE_ANSWERED, 200, "success" },
		{ EXCHANGE_ANSWERED, 204, "success" },
		{ EXCHANGE_ANSWERED, 299, "success" },
		{ EXCHANGE_ANSWERED, 300, "redirect" },
		{ EXCHANGE_ANSWERED, 301, "redirect" },
		{ EXCHANGE_ANSWERED, 399, "redirect" },
		{ EXCHANGE_ANSWERED, 400, "client_error" },
		{ EXCHANGE_ANSWERED, 404, "client_error" },
		{ EXCHANGE_ANSWERED, 408, "retryable" },
		{ EXCHANGE_ANSWERED, 410, "gone" },
		{ EXCHANGE_ANSWERED, 422, "client_error" },
		{ EXCHANGE_ANSWERED, 425, "retryable" },
		{ EXCHANGE_ANSWERED, 429, "rate_limited" },
		{ EXCHANGE_ANSWERED, 499, "client_error" },
		{ EXCHANGE_ANSWERED, 500, "server_error" },
		{ EXCHANGE_ANSWERED, 599, "server_error" },
		{ EXCHANGE_ANSWERED, 101, "broken" },
		{ EXCHANGE_ANSWERED, 600, "broken" },
		{ EXCHANGE_DNS, 0, "dns" },
		{ EXCHANGE_CONNECT, 0, "connect" },
		{ EXCHANGE_TLS, 0, "tls" },
		{ EXCHANGE_TIMEOUT, 0, "timeout" },
		{ EXCHANGE_TIMEOUT, 200, "timeout" }, /* its body did not come */
		{ EXCHANGE_BROKEN, 200, "broken" },
		{ EXCHANGE_REFUSED, 0, "refused" },
		{ EXCHANGE_ABORTED, 0, "aborted" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct exchange_result r = { .failure = cases[i].failure, .status = cases[i].status };

		assert_string_equal(exchange_class_word(exchange_classify(&r)), cases[i].word);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_result_has_a_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
