/* services/cleanup/accounts/account: what is known of an account as decisions want it, and whether the report agrees with the observation. */
#include "cleanup/accounts/account.h"

#include "unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define S(n)     ((int64_t)(n) * 1000000)
#define T0       INT64_C(1767225600000000)
#define NEVER    PG_NO_TIME

static struct account account_new(void)
{
	struct account a = { .observed = OBSERVED_STOPPED, .looked_us = NEVER, .ended_us = NEVER, .differs_us = NEVER };

	a.row = (struct cleanup_account){ .provider = PROVIDER_WEBJS,
		.bridge = BRIDGE_WAHA,
		.session_id = STR("s1"),
		.desired = STR("connected"),
		.desired_us = T0,
		.restart_us = NEVER,
		.relink_us = NEVER,
		.move_us = NEVER,
		.status = STR("disconnected"),
		.status_since_us = T0 + S(100),
		.disconnected_us = NEVER,
		.deleted_us = NEVER,
		.first_connected_us = NEVER,
		.control = { .observed_us = NEVER,
			.next_us = NEVER,
			.restarted_us = NEVER,
			.relinked_us = NEVER,
			.starts_since_us = NEVER,
			.started_us = NEVER,
			.gone_us = NEVER } };
	return a;
}

static void a_report_agrees_with_what_a_look_finds(void **state)
{
	static const struct {
		const char *status;
		enum bridge_observed agreeing[4]; /* OBSERVED_NONE at the end */
	} cases[] = {
		{ "connected", { OBSERVED_CONNECTED } },
		{ "qr_scanning", { OBSERVED_QR } },
		{ "disconnected", { OBSERVED_ABSENT, OBSERVED_STOPPED, OBSERVED_FAILED } },
		{ "failed", { OBSERVED_ABSENT, OBSERVED_STOPPED, OBSERVED_FAILED } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		for (int o = OBSERVED_NONE; o < OBSERVED_COUNT; o++) {
			bool want = o == OBSERVED_NONE || o == OBSERVED_STARTING; /* which no status says */
			struct account a = account_new();

			for (size_t k = 0; k < COUNT(cases[i].agreeing); k++)
				want |= o != OBSERVED_NONE && cases[i].agreeing[k] == (enum bridge_observed)o;
			a.row.status = str_of(cases[i].status);
			a.observed = (enum bridge_observed)o;
			if (account_agrees(&a) != want)
				fail_msg("%s, observed %s", cases[i].status, bridge_observed_word(a.observed));
		}
	}
}

static void a_session_has_the_name_that_its_bridge_knows(void **state)
{
	static const struct {
		enum bridge_kind kind;
		const char *ref, *want;
	} cases[] = {
		{ BRIDGE_WAHA, "default", "default" }, { BRIDGE_EVOLUTION, "ref", "ref" },
		{ BRIDGE_WWEBJS, "ref", "ref" }, { BRIDGE_WAHA, "", "s1" }, { BRIDGE_BLAZZ, "ref", "s1" }, /* ours */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct account a = account_new();

		a.row.bridge = cases[i].kind;
		a.row.provider_ref = str_of(cases[i].ref);
		assert_true(str_is(account_session_name(&a), cases[i].want));
	}
}

static void what_is_desired_is_read_from_the_row(void **state)
{
	struct account a = account_new();

	(void)state;
	assert_int_equal(account_desired(&a), DESIRED_CONNECTED);
	a.row.desired = STR("deleted");
	assert_int_equal(account_desired(&a), DESIRED_DELETED);
	a.row.desired = STR("disconnected");
	assert_int_equal(account_desired(&a), DESIRED_DISCONNECTED);
	a.row.desired = STR("a word of a later release"); /* starts nothing and deletes nothing */
	assert_int_equal(account_desired(&a), DESIRED_DISCONNECTED);
	assert_true(account_has_session(&a) && !account_is_deleted(&a));
	a.row.deleted_us = T0;
	assert_true(account_is_deleted(&a));
	a.row.provider = PROVIDER_META;
	assert_false(account_has_session(&a));
}

static void the_jitter_is_the_accounts_own_and_below_one(void **state)
{
	struct account a = account_new();

	(void)state;
	assert_true(account_jitter(&a) == 0.0);
	a.row.uuid.b[15] = 0xff;
	assert_true(account_jitter(&a) > 0.9 && account_jitter(&a) < 1.0);
}

static void a_view_has_the_requests_and_what_was_carried_out(void **state)
{
	struct account a = account_new();
	struct session_view v;

	(void)state;
	a.row.restart_us = T0 + 1;
	a.row.control.restarted_us = T0 + 2;
	a.row.relink_us = T0 + 3;
	a.row.control.relinked_us = T0 + 4;
	a.row.control.observed_us = T0 + 5;
	a.row.deleted_us = T0 + 6;
	v = account_view(&a, T0 + S(200));
	assert_true(v.kind == BRIDGE_WAHA && v.desired == DESIRED_CONNECTED && v.deleted);
	assert_true(v.restart_us == T0 + 1 && v.restarted_us == T0 + 2 && v.relink_us == T0 + 3 &&
		v.relinked_us == T0 + 4);
	assert_true(v.observed == OBSERVED_STOPPED && v.observed_us == T0 + 5);
}

/* Times in s from T0, at which the account was desired; now is 1000. */
static void a_lost_session_is_started_again_by_its_loss(void **state)
{
	static const struct {
		const char *name, *status, *reason, *details;
		int64_t lost, ended, restarted, relinked; /* s; 0: never */
		enum suspension suspension;
		int64_t at; /* s; 0: at once, -1: once it is reported lost */
	} cases[] = {
		{ "never lost", "disconnected", "", "", 0, 0, 0, 0, SUSPENDED_NOT, 0 },
		{ "logged out", "disconnected", "user_initiated", "", 900, 0, 0, 0, SUSPENDED_LOGGED_OUT, 0 },
		{ "logged out before it was desired", "disconnected", "user_initiated", "", -5, 0, 0, 0, SUSPENDED_NOT,
			0 },
		{ "by our own stop", "disconnected", "user_initiated", "", 900, 890, 0, 0, SUSPENDED_NOT, 0 },
		{ "a minute after our own stop", "disconnected", "user_initiated", "", 900, 839, 0, 0,
			SUSPENDED_LOGGED_OUT, 0 },
		{ "by a restart that was asked for", "disconnected", "user_initiated", "", 900, 0, 895, 0,
			SUSPENDED_NOT, 0 },
		{ "by a relink that was asked for", "disconnected", "user_initiated", "", 900, 0, 0, 895, SUSPENDED_NOT,
			0 },
		{ "blocked", "failed", "error", "close 403", 900, 0, 0, 0, SUSPENDED_BLOCKED, 0 },
		{ "in use elsewhere", "disconnected", "error", "close 440", 900, 0, 0, 0, SUSPENDED_NOT, 1500 },
		{ "reported connected although it was lost before", "connected", "user_initiated", "", 900, 0, 0, 0,
			SUSPENDED_NOT, -1 },
		{ "reported as waiting for its code", "qr_scanning", "", "", 0, 0, 0, 0, SUSPENDED_NOT, -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct account a = account_new();
		struct reconnect r;

		a.row.status = str_of(cases[i].status);
		a.row.disconnect_reason = str_of(cases[i].reason);
		a.row.disconnect_details = str_of(cases[i].details);
		a.row.disconnected_us = cases[i].lost ? T0 + S(cases[i].lost) : NEVER;
		a.ended_us = cases[i].ended ? T0 + S(cases[i].ended) : NEVER;
		a.row.control.restarted_us = cases[i].restarted ? T0 + S(cases[i].restarted) : NEVER;
		a.row.control.relinked_us = cases[i].relinked ? T0 + S(cases[i].relinked) : NEVER;
		r = account_view(&a, T0 + S(1000)).reconnect;
		if (r.suspension != cases[i].suspension)
			fail_msg("%s: suspension %s", cases[i].name, suspension_word(r.suspension));
		if (r.suspension == SUSPENDED_NOT &&
			r.at_us !=
				(cases[i].at < 0              ? INT64_MAX
						: cases[i].at ? T0 + S(cases[i].at)
							      : 0))
			fail_msg("%s: %lld s", cases[i].name, (long long)(r.at_us - T0) / 1000000);
	}
}

static void an_account_that_was_never_reported_is_started(void **state)
{
	struct account a = account_new();

	(void)state;
	a.row.status_since_us = NEVER;
	a.row.status = STR("qr_scanning");
	assert_int_equal(account_view(&a, T0 + S(1)).reconnect.at_us, 0);
}

static void times_that_never_were_decide_nothing(void **state)
{
	struct account a = account_new();
	struct session_view v;

	(void)state;
	a.row.desired_us = NEVER;
	a.observed = OBSERVED_STARTING;
	v = account_view(&a, T0);
	assert_true(v.reconnect.suspension == SUSPENDED_NOT && v.reconnect.at_us == 0);
	assert_true(session_decide(&v, T0).action == BRIDGE_RESTART); /* it has been starting for ever */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_agrees_with_what_a_look_finds),
		cmocka_unit_test(a_session_has_the_name_that_its_bridge_knows),
		cmocka_unit_test(what_is_desired_is_read_from_the_row),
		cmocka_unit_test(the_jitter_is_the_accounts_own_and_below_one),
		cmocka_unit_test(a_view_has_the_requests_and_what_was_carried_out),
		cmocka_unit_test(a_lost_session_is_started_again_by_its_loss),
		cmocka_unit_test(an_account_that_was_never_reported_is_started),
		cmocka_unit_test(times_that_never_were_decide_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
