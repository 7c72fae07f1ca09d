/* services/webhook-dispatcher/policy/verdict: what happens to a delivery after each class of attempt, for strict and lenient endpoints. */
#include "webhook-dispatcher/policy/verdict.h"

#include "unit.h"

static const struct {
	enum verdict strict, lenient;
} cases[EXCHANGE_CLASSES] = {
	[CLASS_SUCCESS] = { VERDICT_DELIVERED, VERDICT_DELIVERED },
	[CLASS_REDIRECT] = { VERDICT_QUICK_RETRY, VERDICT_RETRY },
	[CLASS_CLIENT_ERROR] = { VERDICT_QUICK_RETRY, VERDICT_RETRY },
	[CLASS_GONE] = { VERDICT_GONE, VERDICT_GONE },
	[CLASS_RATE_LIMITED] = { VERDICT_RETRY, VERDICT_RETRY },
	[CLASS_RETRYABLE] = { VERDICT_RETRY, VERDICT_RETRY },
	[CLASS_SERVER_ERROR] = { VERDICT_RETRY, VERDICT_RETRY },
	[CLASS_DNS] = { VERDICT_RETRY, VERDICT_RETRY },
	[CLASS_CONNECT] = { VERDICT_RETRY, VERDICT_RETRY },
	[CLASS_TLS] = { VERDICT_RETRY, VERDICT_RETRY },
	[CLASS_TIMEOUT] = { VERDICT_RETRY, VERDICT_RETRY },
	[CLASS_BROKEN] = { VERDICT_RETRY, VERDICT_RETRY },
	[CLASS_REFUSED] = { VERDICT_QUICK_RETRY, VERDICT_RETRY },
	[CLASS_ABORTED] = { VERDICT_ABORTED, VERDICT_ABORTED },
};

static void each_class_has_a_verdict(void **state)
{
	(void)state;
	for (enum exchange_class c = 0; c < EXCHANGE_CLASSES; c++) {
		if (verdict_of(c, false) != cases[c].strict || verdict_of(c, true) != cases[c].lenient)
			fail_msg("%s", exchange_class_word(c));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_class_has_a_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
