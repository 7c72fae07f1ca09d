/* services/cleanup/accounts/account: what the decision about a session is made from. */
#include "cleanup/accounts/account.h"

#include "unit.h"

static void a_session_that_starts_waits_for_its_code_once_that_was_reported(void **state)
{
	static const struct {
		const char *name;
		enum bridge_observed observed;
		const char *status;
		enum bridge_observed want;
	} cases[] = {
		{ "starting, and its code was posted", OBSERVED_STARTING, "qr_scanning", OBSERVED_QR },
		{ "starting", OBSERVED_STARTING, "disconnected", OBSERVED_STARTING },
		{ "connected since", OBSERVED_CONNECTED, "qr_scanning", OBSERVED_CONNECTED },
		{ "stopped since", OBSERVED_STOPPED, "qr_scanning", OBSERVED_STOPPED },
		{ "not looked at", OBSERVED_NONE, "qr_scanning", OBSERVED_NONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct account a = { .observed = cases[i].observed, .row.status = str_of(cases[i].status) };

		if (account_view(&a, 0).observed != cases[i].want)
			fail_msg("%s", cases[i].name);
	}
}

static void a_session_that_was_ended_on_request_is_started_before_its_end_is_reported(void **state)
{
	static const struct {
		const char *name;
		int64_t ended_us, want_us;
	} cases[] = {
		{ "it was not ended", PG_NO_TIME, INT64_MAX },
		{ "it connected again since", 99, INT64_MAX },
		{ "it was ended since", 101, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct account a = { .observed = OBSERVED_ABSENT,
			.ended_us = cases[i].ended_us,
			.row = { .status = STR("connected"), .status_since_us = 100, .disconnected_us = PG_NO_TIME } };

		if (account_view(&a, 200).reconnect.at_us != cases[i].want_us)
			fail_msg("%s", cases[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_that_starts_waits_for_its_code_once_that_was_reported),
		cmocka_unit_test(a_session_that_was_ended_on_request_is_started_before_its_end_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
