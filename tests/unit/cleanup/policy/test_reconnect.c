/* services/cleanup/policy/reconnect: every row of the README's table, a second before and after its limits. */
#include "cleanup/policy/reconnect.h"

#include <string.h>

#include "pg/pg.h"
#include "unit.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define SECOND    INT64_C(1000000)
#define MINUTE    (60 * SECOND)
#define HOUR      (60 * MINUTE)
#define DAY       (24 * HOUR)
#define LOST      (INT64_C(1767225600) * SECOND)
#define DESIRED   (LOST - 30 * DAY)
#define JITTER    0.5 /* none to either side */
#define MOST      0.9999999999
#define IN_15_MIN (15 * MINUTE)

static const struct restarts none = { 0, PG_NO_TIME, PG_NO_TIME };

static struct session_loss loss_of(const char *reason, const char *details)
{
	return (struct session_loss){ str_of(reason), str_of(details), LOST };
}

static void check(const char *name, const struct reconnect *got, enum suspension suspension, int64_t at_us)
{
	if (got->suspension != suspension || got->at_us != at_us)
		fail_msg("%s: \"%s\", %ld s after the loss", name, suspension_word(got->suspension),
			(long)((got->at_us - LOST) / SECOND));
}

/* As ingest words them: "event words" of whatsapp-web.js, "state number" of Evolution, a state of WAHA. */
static void the_words_of_a_loss_decide_what_it_leads_to(void **state)
{
	static const struct {
		const char *reason, *details;
		enum suspension suspension;
		int64_t delay_us;
	} cases[] = {
		{ "user_initiated", "disconnected LOGOUT", SUSPENDED_LOGGED_OUT, 0 },
		{ "user_initiated", "close 401", SUSPENDED_LOGGED_OUT, 0 },
		{ "user_initiated", NULL, SUSPENDED_LOGGED_OUT, 0 },
		{ "user_initiated", "disconnected CONFLICT", SUSPENDED_LOGGED_OUT, 0 },
		{ "qr_expired", "disconnected Max qrcode retries reached", SUSPENDED_LOGGED_OUT, 0 },
		{ "qr_expired", "refused 428", SUSPENDED_LOGGED_OUT, 0 },
		{ "error", "change_state TOS_BLOCK", SUSPENDED_BLOCKED, 0 },
		{ "error", "disconnected SMB_TOS_BLOCK", SUSPENDED_BLOCKED, 0 },
		{ "error", "change_state PROXYBLOCK", SUSPENDED_BLOCKED, 0 },
		{ "error", "disconnected DEPRECATED_VERSION", SUSPENDED_BLOCKED, 0 },
		{ "error", "auth_failure", SUSPENDED_BLOCKED, 0 },
		{ "error", "auth_failure CONFLICT 440", SUSPENDED_BLOCKED, 0 },
		{ "error", "close 403", SUSPENDED_BLOCKED, 0 },
		{ "error", "403", SUSPENDED_BLOCKED, 0 },
		{ "error", "closed (403)", SUSPENDED_BLOCKED, 0 },
		{ "", "auth_failure session is invalid", SUSPENDED_BLOCKED, 0 },
		{ "error", "disconnected CONFLICT", SUSPENDED_NOT, 10 * MINUTE },
		{ "error", "close 440", SUSPENDED_NOT, 10 * MINUTE },
		{ "error", "closed 500", SUSPENDED_NOT, 5 * SECOND },
		{ "error", "close 411", SUSPENDED_NOT, 5 * SECOND },
		{ "error", "close 4030", SUSPENDED_NOT, 5 * SECOND },
		{ "error", "close 1440", SUSPENDED_NOT, 5 * SECOND },
		{ "error", "UNBLOCKED", SUSPENDED_NOT, 5 * SECOND },
		{ "error", "conflict", SUSPENDED_NOT, 5 * SECOND },
		{ "error", "CONFLICT_RESOLVED", SUSPENDED_NOT, 5 * SECOND },
		{ "error", "", SUSPENDED_NOT, 5 * SECOND },
		{ "error", NULL, SUSPENDED_NOT, 5 * SECOND },
		{ "instance_restart", "close 515", SUSPENDED_NOT, 5 * SECOND },
		{ "timeout", "close 408", SUSPENDED_NOT, 5 * SECOND },
		{ "timeout", "disconnected UNPAIRED_IDLE", SUSPENDED_NOT, 5 * SECOND },
		{ "unknown", "FAILED", SUSPENDED_NOT, 5 * SECOND },
		{ "unknown", "disconnected 403", SUSPENDED_NOT, 5 * SECOND },
		{ "unknown", NULL, SUSPENDED_NOT, 5 * SECOND },
		{ "a word of a later release", "TOS_BLOCK", SUSPENDED_NOT, 5 * SECOND },
		{ NULL, NULL, SUSPENDED_NOT, 5 * SECOND },
		{ "", "FAILED", SUSPENDED_NOT, 5 * SECOND },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct session_loss loss = loss_of(cases[i].reason, cases[i].details);
		struct reconnect got = reconnect_decide(&loss, &none, DESIRED, JITTER, LOST + 1);

		check(cases[i].details ? cases[i].details : "no details", &got, cases[i].suspension,
			cases[i].suspension ? 0 : LOST + cases[i].delay_us);
	}
}

static void only_a_loss_since_the_account_was_desired_counts(void **state)
{
	static const struct {
		const char *name, *reason;
		int64_t desired_us;
		enum suspension suspension;
		int64_t at_us;
	} cases[] = {
		{ "logged out a second before", "user_initiated", LOST + SECOND, SUSPENDED_NOT, 0 },
		{ "logged out at the same time", "user_initiated", LOST, SUSPENDED_NOT, 0 },
		{ "logged out a second after", "user_initiated", LOST - SECOND, SUSPENDED_LOGGED_OUT, 0 },
		{ "lost a second before", "timeout", LOST + SECOND, SUSPENDED_NOT, 0 },
		{ "lost a second after", "timeout", LOST - SECOND, SUSPENDED_NOT, LOST + 5 * SECOND },
		{ "desired at no known time", "timeout", PG_NO_TIME, SUSPENDED_NOT, LOST + 5 * SECOND },
	};
	const struct session_loss never = { .at_us = PG_NO_TIME };
	struct reconnect got = reconnect_decide(NULL, &none, DESIRED, JITTER, LOST);

	(void)state;
	check("no loss", &got, SUSPENDED_NOT, 0);
	got = reconnect_decide(&never, &none, PG_NO_TIME, JITTER, LOST);
	check("never lost", &got, SUSPENDED_NOT, 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct session_loss loss = loss_of(cases[i].reason, NULL);

		got = reconnect_decide(&loss, &none, cases[i].desired_us, JITTER, LOST + SECOND);
		check(cases[i].name, &got, cases[i].suspension, cases[i].at_us);
	}
}

static void each_start_waits_longer_than_the_one_before(void **state)
{
	static const struct {
		int64_t starts;
		double jitter;
		int64_t delay_us;
	} cases[] = {
		{ 0, JITTER, 5 * SECOND },
		{ 1, JITTER, 15 * SECOND },
		{ 2, JITTER, 45 * SECOND },
		{ 3, JITTER, 2 * MINUTE },
		{ 4, JITTER, 5 * MINUTE },
		{ 5, JITTER, IN_15_MIN },
		{ 19, JITTER, IN_15_MIN },
		{ 0, 0, 5 * SECOND },
		{ 4, MOST, 5 * MINUTE },
		{ 5, 0, 12 * MINUTE },
		{ 5, MOST, 18 * MINUTE },
		{ 19, 0, 12 * MINUTE },
		{ 19, MOST, 18 * MINUTE },
	};
	const struct session_loss loss = loss_of("timeout", NULL);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct restarts before = { cases[i].starts, LOST - HOUR, LOST - MINUTE };
		const struct restarts after = { cases[i].starts, LOST - HOUR, LOST + MINUTE };
		struct reconnect got = reconnect_decide(&loss, &before, DESIRED, cases[i].jitter, LOST + 2 * MINUTE);

		assert_in_range(LOST + cases[i].delay_us - got.at_us, 0, cases[i].jitter == MOST ? 1 : 0);
		assert_int_equal(got.suspension, SUSPENDED_NOT);
		if (cases[i].starts == 0)
			continue;
		got = reconnect_decide(&loss, &after, DESIRED, cases[i].jitter, LOST + 2 * MINUTE);
		assert_in_range(LOST + MINUTE + cases[i].delay_us - got.at_us, 0, cases[i].jitter == MOST ? 1 : 0);
		assert_int_equal(got.suspension, SUSPENDED_NOT);
	}
}

/* `since`, `last`, `desired` and `now` count from the loss. */
static void starts_end_at_their_number_and_count_for_a_day(void **state)
{
	static const struct {
		const char *name, *details;
		struct restarts done;
		int64_t desired_us, now_us;
		enum suspension suspension;
		int64_t at_us;
	} cases[] = {
		{ "nineteen", NULL, { 19, -HOUR, -MINUTE }, -DAY, SECOND, SUSPENDED_NOT, IN_15_MIN },
		{ "twenty", NULL, { 20, -HOUR, -MINUTE }, -DAY, SECOND, SUSPENDED_GAVE_UP, 0 },
		{ "more", NULL, { 21, -HOUR, -MINUTE }, -DAY, SECOND, SUSPENDED_GAVE_UP, 0 },
		{ "the twentieth may still succeed", NULL, { 20, -HOUR, MINUTE }, -DAY, MINUTE + IN_15_MIN - SECOND,
			SUSPENDED_NOT, MINUTE + IN_15_MIN },
		{ "the twentieth did not succeed", NULL, { 20, -HOUR, MINUTE }, -DAY, MINUTE + IN_15_MIN + SECOND,
			SUSPENDED_GAVE_UP, 0 },
		{ "still so after a day", NULL, { 20, -HOUR, MINUTE }, -DAY, 2 * DAY, SUSPENDED_GAVE_UP, 0 },
		{ "still so after a month", NULL, { 20, -HOUR, -MINUTE }, -DAY, 30 * DAY, SUSPENDED_GAVE_UP, 0 },
		{ "the first a second less than a day before the loss", NULL, { 20, SECOND - DAY, -HOUR }, -2 * DAY, 0,
			SUSPENDED_GAVE_UP, 0 },
		{ "the first a day before the loss", NULL, { 20, -DAY, -HOUR }, -2 * DAY, 0, SUSPENDED_NOT,
			5 * SECOND },
		{ "the first a second more than a day before the loss", NULL, { 20, -DAY - SECOND, -HOUR }, -2 * DAY,
			SECOND, SUSPENDED_NOT, 5 * SECOND },
		{ "ten, the first a second less than a day ago", NULL, { 10, -HOUR, HOUR }, -2 * DAY,
			DAY - HOUR - SECOND, SUSPENDED_NOT, HOUR + IN_15_MIN },
		{ "ten, the first a second more than a day ago", NULL, { 10, -HOUR, HOUR }, -2 * DAY,
			DAY - HOUR + SECOND, SUSPENDED_NOT, HOUR + 5 * SECOND },
		{ "desired a second before the last start", NULL, { 20, -HOUR, -MINUTE }, -MINUTE - SECOND, SECOND,
			SUSPENDED_GAVE_UP, 0 },
		{ "desired a second after the last start", NULL, { 20, -HOUR, -MINUTE }, -MINUTE + SECOND, SECOND,
			SUSPENDED_NOT, 5 * SECOND },
		{ "in use, not started yet", "close 440", { 0, 0, 0 }, -DAY, SECOND, SUSPENDED_NOT, 10 * MINUTE },
		{ "in use, started before", "close 440", { 1, -HOUR, -HOUR }, -DAY, SECOND, SUSPENDED_IN_USE, 0 },
		{ "in use, started before it was desired", "close 440", { 1, -HOUR, -HOUR }, -MINUTE, SECOND,
			SUSPENDED_NOT, 10 * MINUTE },
		{ "in use, its start may still succeed", "close 440", { 1, 10 * MINUTE, 10 * MINUTE }, -DAY,
			20 * MINUTE - SECOND, SUSPENDED_NOT, 20 * MINUTE },
		{ "in use, its start did not succeed", "close 440", { 1, 10 * MINUTE, 10 * MINUTE }, -DAY, 20 * MINUTE,
			SUSPENDED_IN_USE, 0 },
		{ "in use, still so after a day", "CONFLICT", { 1, -HOUR, -HOUR }, -DAY, 2 * DAY, SUSPENDED_IN_USE, 0 },
		{ "in use, started a second more than a day before", "CONFLICT", { 1, -DAY - SECOND, -DAY - SECOND },
			-2 * DAY, SECOND, SUSPENDED_NOT, 10 * MINUTE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct session_loss loss = loss_of("error", cases[i].details);
		const struct restarts done = { cases[i].done.n, LOST + cases[i].done.since_us,
			LOST + cases[i].done.last_us };
		struct reconnect got =
			reconnect_decide(&loss, &done, LOST + cases[i].desired_us, JITTER, LOST + cases[i].now_us);

		check(cases[i].name, &got, cases[i].suspension, cases[i].suspension ? 0 : LOST + cases[i].at_us);
	}
}

static void a_start_is_added_to_those_that_count(void **state)
{
	static const struct {
		const char *name;
		struct restarts done;
		int64_t desired_us, n, since_us;
	} cases[] = {
		{ "the first", { 0, 0, 0 }, -DAY, 1, 0 },
		{ "the second", { 1, -MINUTE, -MINUTE }, -DAY, 2, -MINUTE },
		{ "the first a second less than a day ago", { 7, SECOND - DAY, -MINUTE }, -2 * DAY, 8, SECOND - DAY },
		{ "the first a day ago", { 7, -DAY, -MINUTE }, -2 * DAY, 1, 0 },
		{ "desired a second before the last", { 7, -HOUR, -MINUTE }, -MINUTE - SECOND, 8, -HOUR },
		{ "desired at the time of the last", { 7, -HOUR, -MINUTE }, -MINUTE, 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct restarts done = { cases[i].done.n, LOST + cases[i].done.since_us,
			LOST + cases[i].done.last_us };
		struct restarts got = restarts_add(&done, LOST + cases[i].desired_us, LOST);

		if (got.n != cases[i].n || got.since_us != LOST + cases[i].since_us || got.last_us != LOST)
			fail_msg("%s: %ld", cases[i].name, (long)got.n);
	}
	assert_int_equal(restarts_add(&none, DESIRED, LOST).n, 1);
}

/* The whole of it: a session that each start fails to bring back. */
static void a_session_that_never_returns_is_started_twenty_times(void **state)
{
	struct session_loss loss = loss_of("timeout", NULL);
	struct restarts done = none;
	int starts = 0;

	(void)state;
	for (int64_t now_us = LOST; now_us < LOST + 3 * DAY; now_us += SECOND) {
		struct reconnect r = reconnect_decide(&loss, &done, DESIRED, JITTER, now_us);

		if (r.suspension != SUSPENDED_NOT || r.at_us > now_us)
			continue;
		starts++;
		done = restarts_add(&done, DESIRED, now_us);
		if (starts % 2 == 0) /* it is lost again, or never comes so far */
			loss.at_us = now_us + 2 * SECOND;
	}
	assert_int_equal(starts, RECONNECT_MAX);
	assert_int_equal(reconnect_decide(&loss, &done, DESIRED, JITTER, LOST + 3 * DAY).suspension, SUSPENDED_GAVE_UP);
}

static void each_suspension_has_its_word(void **state)
{
	(void)state;
	assert_string_equal(suspension_word(SUSPENDED_NOT), "");
	assert_string_equal(suspension_word(SUSPENDED_LOGGED_OUT), "logged_out");
	assert_string_equal(suspension_word(SUSPENDED_BLOCKED), "blocked");
	assert_string_equal(suspension_word(SUSPENDED_IN_USE), "in_use");
	assert_string_equal(suspension_word(SUSPENDED_GAVE_UP), "gave_up");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_words_of_a_loss_decide_what_it_leads_to),
		cmocka_unit_test(only_a_loss_since_the_account_was_desired_counts),
		cmocka_unit_test(each_start_waits_longer_than_the_one_before),
		cmocka_unit_test(starts_end_at_their_number_and_count_for_a_day),
		cmocka_unit_test(a_start_is_added_to_those_that_count),
		cmocka_unit_test(a_session_that_never_returns_is_started_twenty_times),
		cmocka_unit_test(each_suspension_has_its_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
