/* services/webhook-dispatcher/outcome: what every answer and every failure means. */
#include "webhook-dispatcher/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	enum exchange_failure failure;
	int status;
	const char *word;
	enum outcome_verdict strict, lenient;
} cases[] = {
	{ EXCHANGE_ANSWERED, 200, "success", VERDICT_DELIVERED, VERDICT_DELIVERED },
	{ EXCHANGE_ANSWERED, 204, "success", VERDICT_DELIVERED, VERDICT_DELIVERED },
	{ EXCHANGE_ANSWERED, 299, "success", VERDICT_DELIVERED, VERDICT_DELIVERED },
	{ EXCHANGE_ANSWERED, 300, "redirect", VERDICT_QUICK_RETRY, VERDICT_RETRY },
	{ EXCHANGE_ANSWERED, 301, "redirect", VERDICT_QUICK_RETRY, VERDICT_RETRY },
	{ EXCHANGE_ANSWERED, 399, "redirect", VERDICT_QUICK_RETRY, VERDICT_RETRY },
	{ EXCHANGE_ANSWERED, 400, "client_error", VERDICT_QUICK_RETRY, VERDICT_RETRY },
	{ EXCHANGE_ANSWERED, 404, "client_error", VERDICT_QUICK_RETRY, VERDICT_RETRY },
	{ EXCHANGE_ANSWERED, 408, "retryable", VERDICT_RETRY, VERDICT_RETRY },
	{ EXCHANGE_ANSWERED, 410, "gone", VERDICT_GONE, VERDICT_GONE },
	{ EXCHANGE_ANSWERED, 422, "client_error", VERDICT_QUICK_RETRY, VERDICT_RETRY },
	{ EXCHANGE_ANSWERED, 425, "retryable", VERDICT_RETRY, VERDICT_RETRY },
	{ EXCHANGE_ANSWERED, 429, "rate_limited", VERDICT_RETRY, VERDICT_RETRY },
	{ EXCHANGE_ANSWERED, 499, "client_error", VERDICT_QUICK_RETRY, VERDICT_RETRY },
	{ EXCHANGE_ANSWERED, 500, "server_error", VERDICT_RETRY, VERDICT_RETRY },
	{ EXCHANGE_ANSWERED, 599, "server_error", VERDICT_RETRY, VERDICT_RETRY },
	{ EXCHANGE_ANSWERED, 101, "broken", VERDICT_RETRY, VERDICT_RETRY },
	{ EXCHANGE_ANSWERED, 600, "broken", VERDICT_RETRY, VERDICT_RETRY },
	{ EXCHANGE_DNS, 0, "dns", VERDICT_RETRY, VERDICT_RETRY },
	{ EXCHANGE_CONNECT, 0, "connect", VERDICT_RETRY, VERDICT_RETRY },
	{ EXCHANGE_TLS, 0, "tls", VERDICT_RETRY, VERDICT_RETRY },
	{ EXCHANGE_TIMEOUT, 0, "timeout", VERDICT_RETRY, VERDICT_RETRY },
	{ EXCHANGE_TIMEOUT, 200, "timeout", VERDICT_RETRY, VERDICT_RETRY }, /* its body did not come */
	{ EXCHANGE_BROKEN, 200, "broken", VERDICT_RETRY, VERDICT_RETRY },
	{ EXCHANGE_REFUSED, 0, "refused", VERDICT_QUICK_RETRY, VERDICT_RETRY },
	{ EXCHANGE_ABORTED, 0, "aborted", VERDICT_AGAIN, VERDICT_AGAIN },
};

static void each_end_has_a_class_and_each_class_a_verdict(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct exchange_result r = { .failure = cases[i].failure, .status = cases[i].status };
		enum outcome_class c = outcome_classify(&r);

		if (outcome_verdict(c, false) != cases[i].strict || outcome_verdict(c, true) != cases[i].lenient)
			fail_msg("%d, %d", cases[i].failure, cases[i].status);
		assert_string_equal(outcome_class_word(c), cases[i].word);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_end_has_a_class_and_each_class_a_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
