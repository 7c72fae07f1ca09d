/* When an account can be used. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "campaign-sender/accounts/account.h"

#define NOW INT64_C(1000000)

static const struct account usable = {
	.secrets_open = true,
	.host_allowed = true,
	.desired = true,
	.connected = true,
	.desired_us = 100,
	.held_at_us = PG_NO_TIME,
	.held_until_us = PG_NO_TIME,
};

static void an_account_is_usable_unless_something_is_missing(void **state)
{
	static const struct {
		const char *name;
		bool deleted, undesired, without_secrets, without_host, disconnected;
		int64_t held_at_us, held_until_us;
		const char *want;
	} cases[] = {
		{ "as it should be", .held_at_us = PG_NO_TIME, .want = "usable" },
		{ "deleted", .deleted = true, .undesired = true, .held_at_us = PG_NO_TIME, .want = "deleted" },
		{ "disconnected on request", .undesired = true, .disconnected = true, .held_at_us = PG_NO_TIME,
			.want = "not_desired" },
		{ "without a token", .without_secrets = true, .held_at_us = PG_NO_TIME, .want = "without_secrets" },
		{ "a bridge without an instance", .without_host = true, .held_at_us = PG_NO_TIME,
			.want = "without_host" },
		{ "a session that was lost", .disconnected = true, .held_at_us = PG_NO_TIME, .want = "not_connected" },
		{ "held until later", .held_at_us = 200, .held_until_us = NOW + 1, .want = "held" },
		{ "held until now", .held_at_us = 200, .held_until_us = NOW, .want = "usable" },
		{ "held until released", .held_at_us = 200, .held_until_us = INT64_MAX, .want = "held" },
		{ "held at the time it was connected", .held_at_us = 100, .held_until_us = INT64_MAX, .want = "held" },
		{ "connected on request since", .held_at_us = 99, .held_until_us = INT64_MAX, .want = "usable" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct account a = usable;
		const char *got;

		a.deleted = cases[i].deleted;
		a.desired = !cases[i].undesired;
		a.secrets_open = !cases[i].without_secrets;
		a.host_allowed = !cases[i].without_host;
		a.connected = !cases[i].disconnected;
		a.held_at_us = cases[i].held_at_us;
		a.held_until_us = cases[i].held_until_us;
		got = account_state_word(account_state(&a, NOW));
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].name, got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_account_is_usable_unless_something_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
