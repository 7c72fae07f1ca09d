/* services/campaign-sender/policy/settlement: every code of every provider, and every end of an exchange, as what becomes of the row
 * and of the account. */
#include "campaign-sender/policy/settlement.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define NOW_MS    INT64_C(1767225600123)
#define MINUTE_MS 60000
#define AFTER_MS  (15 * MINUTE_MS) /* unknown.after */

/* A settlement as a sentence, so that it is compared whole. */
static void settlement_describe(const struct settlement *s, char *out, size_t n)
{
	static const char *const accounts[] = { "", ", account failed", ", account limited", ", account neutral" };
	char delay[32] = "";

	if (s->status == SEND_STATUS_PENDING || s->status == SEND_STATUS_UNKNOWN)
		snprintf(delay, sizeof(delay), " for %d ms", (int)s->delay_ms);
	snprintf(out, n, "%s%s, attempts %d%s%s%s%s", store_send_status_word(s->status), delay, s->attempt,
		s->fail_over ? ", fails over" : "", s->keep_content ? ", kept" : "", accounts[s->account],
		s->at_fault ? ", at fault" : "");
}

static void settlement_is(const char *name, const struct settled_attempt *a, const char *want, const char *reason)
{
	struct settlement s;
	char got[200];

	settle(a, &s);
	settlement_describe(&s, got, sizeof(got));
	if (strcmp(got, want) != 0 || (reason && strcmp(s.reason, reason) != 0))
		fail_msg("%s: \"%s\" (%s), not \"%s\"", name, got, s.reason, want);
}

static struct attempt_outcome answered(const struct provider_api *api, enum provider_act act, int status,
	const char *body, struct arena *a)
{
	const struct exchange_result r = {
		.failure = EXCHANGE_ANSWERED,
		.begun = true,
		.status = status,
		.retry_after_ms = -1,
		.body = str_of(body),
	};
	struct attempt_outcome o;

	outcome_read(api, act, &r, a, &o);
	return o;
}

static struct attempt_outcome graph_error(int code, int status, struct arena *a)
{
	return answered(&provider_meta, ACT_SEND, status, arena_printf(a, "{\"error\":{\"code\":%d}}", code).p, a);
}

/* The first attempt of a message that any account may send. */
static struct settled_attempt first_attempt(const struct attempt_outcome *o, bool of_campaign)
{
	return (struct settled_attempt){
		.outcome = o,
		.of_campaign = of_campaign,
		.now_ms = NOW_MS,
		.may_fail_over = !of_campaign,
		.unknown_delay_ms = AFTER_MS,
		.random = 0.5,
	};
}

#define HELD_PENDING  "pending for 0 ms, attempts 0, fails over, account neutral, at fault"
#define HELD_CAMPAIGN "pending for 0 ms, attempts 0, account neutral, at fault"
#define HELD          HELD_PENDING, HELD_CAMPAIGN
#define FINAL         "failed, attempts 1", "failed, attempts 1"
#define TEMPLATE      "failed, attempts 0", "pending for 0 ms, attempts 0"
#define TRANSIENT     "pending for 2000 ms, attempts 1, account failed", "pending for 2000 ms, attempts 1, account failed"

static const struct {
	int code;
	const char *single, *campaign;
} codes[] = {
	{ 130429, "pending for 1000 ms, attempts 1, account limited",
		"pending for 1000 ms, attempts 1, account limited" },
	{ 131056, "pending for 4000 ms, attempts 1", "pending for 4000 ms, attempts 1" },
	{ 80007, "pending for 0 ms, attempts 0, fails over, account neutral",
		"pending for 0 ms, attempts 0, account neutral" },
	{ 4, "pending for 0 ms, attempts 0, fails over, account neutral",
		"pending for 0 ms, attempts 0, account neutral" },
	{ 131048, HELD },
	{ 131049, "failed, attempts 1", "failed, attempts 1, kept" },
	{ 131050, FINAL },
	{ 130472, FINAL },
	{ 131026, FINAL },
	{ 131047, "failed, attempts 1, fails over", "failed, attempts 1" },
	{ 131021, FINAL },
	{ 131062, FINAL },
	{ 137000, FINAL },
	{ 130501, FINAL },
	{ 132000, FINAL },
	{ 132005, FINAL },
	{ 132012, FINAL },
	{ 132018, FINAL },
	{ 131008, FINAL },
	{ 131009, FINAL },
	{ 100, FINAL },
	{ 131051, FINAL },
	{ 131052, FINAL },
	{ 131053, FINAL },
	{ 132001, TEMPLATE },
	{ 132007, TEMPLATE },
	{ 132015, TEMPLATE },
	{ 132016, TEMPLATE },
	{ 132068, TEMPLATE },
	{ 132069, TEMPLATE },
	{ 190, HELD },
	{ 0, HELD },
	{ 3, HELD },
	{ 10, HELD },
	{ 200, HELD },
	{ 299, HELD },
	{ 131005, HELD },
	{ 131042, HELD },
	/* Another account would share its fate: a person decides. */
	{ 131031, HELD_CAMPAIGN, HELD_CAMPAIGN },
	{ 368, HELD_CAMPAIGN, HELD_CAMPAIGN },
	{ 130497, "failed, attempts 1, fails over", "failed, attempts 1" },
	{ 131037, HELD },
	{ 131045, HELD },
	{ 133010, HELD },
	{ 33, HELD },
	{ 131057, "pending for 0 ms, attempts 0, fails over, account neutral",
		"pending for 0 ms, attempts 0, account neutral" },
	{ 133004, HELD },
	{ 133000, HELD },
	{ 133005, HELD },
	{ 133006, HELD },
	{ 133008, HELD },
	{ 133009, HELD },
	{ 133015, HELD },
	{ 133016, HELD },
	{ 1, TRANSIENT },
	{ 2, TRANSIENT },
	{ 131000, TRANSIENT },
	{ 131016, TRANSIENT },
	/* Not listed, with 400. */
	{ 999999, "pending for 2000 ms, attempts 1", "pending for 2000 ms, attempts 1" },
};

static void each_code_of_meta_does_what_its_row_of_the_table_says(void **state)
{
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < COUNT(codes); i++) {
		struct attempt_outcome o = graph_error(codes[i].code, 400, a);
		struct settled_attempt single = first_attempt(&o, false), campaign = first_attempt(&o, true);
		struct settled_attempt named = single;
		char name[32], want[200], *found;

		snprintf(name, sizeof(name), "%d", codes[i].code);
		settlement_is(name, &single, codes[i].single, NULL);
		settlement_is(name, &campaign, codes[i].campaign, NULL);
		named.may_fail_over = false;
		snprintf(want, sizeof(want), "%s", codes[i].single);
		found = strstr(want, ", fails over");
		if (found)
			memmove(found, found + 12, strlen(found + 12) + 1);
		settlement_is(name, &named, want, NULL);
	}
	arena_free(a);
}

/* Its status does not matter, whatever a proxy or Meta made of it. */
static void a_listed_code_decides_whatever_the_http_status(void **state)
{
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i + 1 < COUNT(codes); i++) {
		struct attempt_outcome o = graph_error(codes[i].code, 503, a);
		struct settled_attempt single = first_attempt(&o, false);

		settlement_is("503", &single, codes[i].single, NULL);
	}
	arena_free(a);
}

static void each_end_of_an_exchange_with_a_bridge_has_its_row(void **state)
{
	static const struct {
		const char *name;
		int status;
		const char *body, *single, *campaign;
	} cases[] = {
		{ "sent", 200, "{\"id\":\"3EB0C767D26A1D8B7C66\"}", "sent, attempts 1", "sent, attempts 1, kept" },
		{ "no id", 200, "{}", "unknown for 900000 ms, attempts 1, account failed, at fault",
			"unknown for 900000 ms, attempts 1, account failed, at fault" },
		{ "not on WhatsApp", 400, "{\"error\":{\"code\":\"not_on_whatsapp\"}}", FINAL },
		{ "session lost", 400, "{\"error\":{\"code\":\"session_not_connected\"}}",
			"pending for 0 ms, attempts 0, fails over, account failed, at fault",
			"pending for 0 ms, attempts 0, account failed, at fault" },
		{ "blocked", 400, "{\"error\":{\"code\":\"blocked\"}}", HELD },
		{ "rate limited", 429, "{\"error\":{\"code\":\"rate_limited\"}}",
			"pending for 1000 ms, attempts 1, account limited",
			"pending for 1000 ms, attempts 1, account limited" },
		{ "invalid", 400, "{\"error\":{\"code\":\"invalid\"}}", FINAL },
		{ "media failed", 400, "{\"error\":{\"code\":\"media_failed\"}}", FINAL },
		{ "key rejected", 401, "", HELD },
		{ "not over", 409, "{}", "unknown for 900000 ms, attempts 1, account failed, at fault",
			"unknown for 900000 ms, attempts 1, account failed, at fault" },
		{ "5xx", 502, "<html>", "unknown for 900000 ms, attempts 1, account failed, at fault",
			"unknown for 900000 ms, attempts 1, account failed, at fault" },
	};
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct attempt_outcome o = answered(&provider_blazz, ACT_SEND, cases[i].status, cases[i].body, a);
		struct settled_attempt single = first_attempt(&o, false), campaign = first_attempt(&o, true);

		settlement_is(cases[i].name, &single, cases[i].single, NULL);
		settlement_is(cases[i].name, &campaign, cases[i].campaign, NULL);
	}
	arena_free(a);
}

static void a_failed_exchange_is_pending_exactly_when_nothing_of_it_was_sent(void **state)
{
	static const enum exchange_failure failures[] = { EXCHANGE_DNS, EXCHANGE_CONNECT, EXCHANGE_TLS,
		EXCHANGE_TIMEOUT, EXCHANGE_BROKEN, EXCHANGE_REFUSED, EXCHANGE_ABORTED };
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < COUNT(failures); i++)
		for (int begun = 0; begun < 2; begun++) {
			struct exchange_result r = exchange_failed(failures[i], "", begun);
			struct attempt_outcome o;
			struct settled_attempt single, campaign;
			bool ours = failures[i] == EXCHANGE_ABORTED;

			outcome_read(&provider_meta, ACT_SEND, &r, a, &o);
			single = first_attempt(&o, false);
			campaign = first_attempt(&o, true);
			if (begun) {
				const char *want = ours ? "unknown for 900000 ms, attempts 1, account neutral"
							: "unknown for 900000 ms, attempts 1, account failed, at fault";

				settlement_is("begun", &single, want, "unknown_outcome");
				settlement_is("begun", &campaign, want, "unknown_outcome");
			} else {
				settlement_is("not begun", &single,
					ours ? "pending for 0 ms, attempts 0, account neutral"
					     : "pending for 0 ms, attempts 0, fails over, account failed",
					"not_sent");
				settlement_is("not begun", &campaign,
					ours ? "pending for 0 ms, attempts 0, account neutral"
					     : "pending for 0 ms, attempts 0, account failed",
					"not_sent");
			}
		}
	arena_free(a);
}

/* Attempt after attempt, until the row has ended. */
static void retries_end_after_as_many_as_their_plan_has(void **state)
{
	static const struct {
		const char *name;
		int code;
		int32_t retries;
		int64_t delays_ms[4];
		const char *single, *campaign;
	} cases[] = {
		{ "transient", 131000, 4, { 2000, 8000, 30000, 120000 }, "failed, attempts 5, account failed",
			"failed, attempts 5, kept, account failed" },
		{ "a code that is not listed", 999999, 2, { 2000, 8000 }, "failed, attempts 3",
			"failed, attempts 3, kept" },
	};
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct attempt_outcome o = graph_error(cases[i].code, 400, a);
		struct settled_attempt single = first_attempt(&o, false), campaign = first_attempt(&o, true);

		for (int32_t n = 0; n < cases[i].retries; n++) {
			struct settlement s;

			single.attempt = campaign.attempt = n;
			settle(&single, &s);
			assert_int_equal(s.status, SEND_STATUS_PENDING);
			assert_int_equal(s.attempt, n + 1);
			assert_int_equal(s.delay_ms, cases[i].delays_ms[n]);
		}
		single.attempt = campaign.attempt = cases[i].retries;
		settlement_is(cases[i].name, &single, cases[i].single, NULL);
		settlement_is(cases[i].name, &campaign, cases[i].campaign, NULL);
	}
	arena_free(a);
}

static void a_provider_error_fails_over_after_the_second_attempt(void **state)
{
	struct arena *a = arena_new(0);
	struct attempt_outcome o = graph_error(131000, 500, a);
	struct settled_attempt at = first_attempt(&o, false);

	(void)state;
	settlement_is("first", &at, "pending for 2000 ms, attempts 1, account failed", "provider_error");
	at.attempt = 1;
	settlement_is("second", &at, "pending for 8000 ms, attempts 2, fails over, account failed", "provider_error");
	at.of_campaign = true; /* its segment moves as a whole, whatever the caller says */
	settlement_is("of a campaign", &at, "pending for 8000 ms, attempts 2, account failed", NULL);
	arena_free(a);
}

static void a_rate_limit_respects_retry_after(void **state)
{
	struct arena *a = arena_new(0);
	struct attempt_outcome o = graph_error(130429, 429, a);
	struct settled_attempt at = first_attempt(&o, true);

	(void)state;
	o.retry_after_ms = 30000;
	settlement_is("Retry-After", &at, "pending for 30000 ms, attempts 1, account limited", "throughput");
	at.attempt = 1000;
	o.retry_after_ms = -1;
	settlement_is("never exhausted", &at, "pending for 64000 ms, attempts 1001, account limited", "throughput");
	arena_free(a);
}

static void nothing_is_pending_beyond_its_deadline(void **state)
{
	static const struct {
		const char *name;
		int code; /* -1: not sent */
		int64_t deadline_ms; /* from now */
		const char *want, *reason;
	} cases[] = {
		{ "not sent, in time", -1, 1, "pending for 0 ms, attempts 0, fails over, account failed", "not_sent" },
		{ "not sent, at the deadline", -1, 0, "failed, attempts 0, account failed", "deadline" },
		{ "not sent, after it", -1, -1, "failed, attempts 0, account failed", "deadline" },
		{ "held", 190, 1, HELD_PENDING, "token_invalid" },
		{ "held, too late", 190, 0, "failed, attempts 0, account neutral, at fault", "deadline" },
		{ "a retry that fits", 131056, 4001, "pending for 4000 ms, attempts 1", "pair_rate" },
		{ "a retry at the deadline", 131056, 4000, "failed, attempts 1", "deadline" },
		{ "a code of its own wins", 131026, -1, "failed, attempts 1", "undeliverable" },
	};
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct attempt_outcome o = graph_error(cases[i].code, 400, a);
		struct settled_attempt at = first_attempt(&o, false);

		if (cases[i].code < 0)
			o = (struct attempt_outcome){ .class = OUTCOME_NOT_SENT, .decision = code_of_not_sent(true) };
		at.deadline_ms = NOW_MS + cases[i].deadline_ms;
		settlement_is(cases[i].name, &at, cases[i].want, cases[i].reason);
	}
	arena_free(a);
}

static void another_account_may_send_before_the_deadline_what_this_one_would_retry_too_late(void **state)
{
	struct arena *a = arena_new(0);
	struct attempt_outcome o = graph_error(131000, 400, a);
	struct settled_attempt at = first_attempt(&o, false);

	(void)state;
	at.attempt = 1;
	at.deadline_ms = NOW_MS + 5000;
	settlement_is("8 s are too late", &at, "failed, attempts 2, fails over, account failed", "deadline");
	arena_free(a);
}

static void an_unknown_outcome_is_never_pending_unless_it_may_be_repeated(void **state)
{
	struct attempt_outcome o = {
		.class = OUTCOME_UNKNOWN, .decision = code_of_unknown(true), .retry_after_ms = -1
	};
	struct settled_attempt at = first_attempt(&o, false);

	(void)state;
	at.deadline_ms = NOW_MS - 1;
	settlement_is("a message, even beyond its deadline", &at,
		"unknown for 900000 ms, attempts 1, account failed, at fault", "unknown_outcome");
	at.deadline_ms = 0;
	at.repeatable = true;
	settlement_is("a reaction", &at, "pending for 2000 ms, attempts 1, account failed, at fault",
		"unknown_outcome");
	at.attempt = 4;
	settlement_is("not for ever", &at, "failed, attempts 5, account failed, at fault", "unknown_outcome");
}

static void look_ups_count_no_attempt_and_never_send_under_another_id(void **state)
{
	static const struct {
		const char *name;
		int status;
		const char *body, *want, *reason;
	} cases[] = {
		{ "sent", 200, "{\"state\":\"sent\",\"id\":\"3EB0C767D26A1D8B7C66\"}",
			"sent, attempts 1, account neutral", "" },
		{ "sent without an id", 200, "{\"state\":\"sent\"}",
			"unknown for 900000 ms, attempts 1, account neutral", "unknown_outcome" },
		{ "pending", 200, "{\"state\":\"pending\"}", "unknown for 900000 ms, attempts 1, account neutral",
			"unknown_outcome" },
		{ "a proxy's 404", 404, "", "unknown for 900000 ms, attempts 1, account neutral", "unknown_outcome" },
		{ "absent", 404, "{}", "pending for 0 ms, attempts 1, account neutral", "not_sent" },
		{ "failed", 200, "{\"state\":\"failed\",\"error\":{\"code\":\"not_on_whatsapp\"}}",
			"failed, attempts 1, account neutral", "undeliverable" },
		{ "failed, rate", 200, "{\"state\":\"failed\",\"error\":{\"code\":\"rate_limited\"}}",
			"pending for 1000 ms, attempts 1, account neutral", "rate_limited" },
		{ "failed, session", 200, "{\"state\":\"failed\",\"error\":{\"code\":\"session_not_connected\"}}",
			"pending for 0 ms, attempts 1, fails over, account neutral", "session_not_connected" },
		{ "failed, no error", 200, "{\"state\":\"failed\"}", "failed, attempts 1, account neutral",
			"rejected" },
		{ "down", 503, "", "unknown for 900000 ms, attempts 1, account neutral", "unknown_outcome" },
		{ "not JSON", 200, "<html>", "unknown for 900000 ms, attempts 1, account neutral", "unknown_outcome" },
	};
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct exchange_result r = { .failure = EXCHANGE_ANSWERED,
			.begun = true,
			.status = cases[i].status,
			.retry_after_ms = -1,
			.body = str_of(cases[i].body) };
		struct provider_answer answer;
		enum blazz_lookup found = blazz_lookup_read(&r, a, &answer);
		struct attempt_outcome o;
		struct settled_attempt at = first_attempt(&o, false);

		settlement_lookup(found, &answer, &o);
		at.unknown_before = true;
		at.attempt = 1;
		settlement_is(cases[i].name, &at, cases[i].want, cases[i].reason);
		if (found == LOOKUP_ABSENT) {
			at.deadline_ms = NOW_MS;
			settlement_is("absent, too late", &at, "failed, attempts 1, account neutral", "deadline");
		}
	}
	arena_free(a);
}

static void policy_ends_what_nothing_resolved(void **state)
{
	struct settlement s;
	char got[200];

	(void)state;
	settle_by_policy(UNKNOWN_FAILS, false, 2, &s);
	settlement_describe(&s, got, sizeof(got));
	assert_string_equal(got, "failed, attempts 2, account neutral");
	assert_string_equal(s.reason, "unknown_outcome");
	settle_by_policy(UNKNOWN_FAILS, true, 2, &s);
	settlement_describe(&s, got, sizeof(got));
	assert_string_equal(got, "failed, attempts 2, kept, account neutral");
	settle_by_policy(UNKNOWN_IS_ASSUMED_SENT, true, 2, &s);
	settlement_describe(&s, got, sizeof(got));
	assert_string_equal(got, "unknown for 0 ms, attempts 2, account neutral");
}

static const struct failover_account base = { PROVIDER_META, { "b1", 2 }, { "w1", 2 }, { "a1", 2 }, true },
				     waba = { PROVIDER_META, { "b1", 2 }, { "w2", 2 }, { "a1", 2 }, true },
				     app = { PROVIDER_META, { "b1", 2 }, { "w1", 2 }, { "a2", 2 }, true },
				     portfolio = { PROVIDER_META, { "b2", 2 }, { "w2", 2 }, { "a1", 2 }, false },
				     unsaid = { PROVIDER_META, { "", 0 }, { NULL, 0 }, { "", 0 }, true },
				     bridge = { PROVIDER_WEBJS, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, true };

static void each_failover_admits_the_accounts_that_its_code_does_not_concern(void **state)
{
	static const struct {
		const char *name;
		enum failover f;
		const struct failover_account *to;
		bool want;
	} cases[] = {
		{ "never", FAILOVER_NEVER, &bridge, false },
		{ "any", FAILOVER_ANY, &unsaid, true },
		{ "any, after tries", FAILOVER_AFTER_TRIES, &base, true },
		{ "the same WABA", FAILOVER_OTHER_WABA, &app, false },
		{ "another WABA", FAILOVER_OTHER_WABA, &waba, true },
		{ "a WABA that is not known", FAILOVER_OTHER_WABA, &unsaid, false },
		{ "no WABA", FAILOVER_OTHER_WABA, &bridge, true },
		{ "the same app", FAILOVER_OTHER_APP, &waba, false },
		{ "another app", FAILOVER_OTHER_APP, &app, true },
		{ "an app that is not known", FAILOVER_OTHER_APP, &unsaid, false },
		{ "no app", FAILOVER_OTHER_APP, &bridge, true },
		{ "the same portfolio", FAILOVER_OTHER_PORTFOLIO, &waba, false },
		{ "another portfolio", FAILOVER_OTHER_PORTFOLIO, &portfolio, true },
		{ "a portfolio that is not known", FAILOVER_OTHER_PORTFOLIO, &unsaid, false },
		{ "no portfolio", FAILOVER_OTHER_PORTFOLIO, &bridge, true },
		{ "the same provider", FAILOVER_OTHER_PROVIDER, &portfolio, false },
		{ "the other provider", FAILOVER_OTHER_PROVIDER, &bridge, true },
		{ "free", FAILOVER_FREE, &waba, true },
		{ "not free", FAILOVER_FREE, &portfolio, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (failover_admits(cases[i].f, &base, cases[i].to) != cases[i].want)
			fail_msg("%s", cases[i].name);
	/* Two bridges share nothing that is known: a restriction may concern both. */
	assert_false(failover_admits(FAILOVER_OTHER_PORTFOLIO, &bridge, &bridge));
	assert_false(failover_admits(FAILOVER_OTHER_PORTFOLIO, &unsaid, &portfolio));
}

static void only_our_bridge_is_looked_at_before_the_time_of_unknown_messages(void **state)
{
	(void)state;
	assert_int_equal(settlement_first_look_ms(BRIDGE_BLAZZ, AFTER_MS), 1000);
	assert_int_equal(settlement_first_look_ms(BRIDGE_NONE, AFTER_MS), AFTER_MS);
	assert_int_equal(settlement_first_look_ms(BRIDGE_WAHA, AFTER_MS), AFTER_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_code_of_meta_does_what_its_row_of_the_table_says),
		cmocka_unit_test(a_listed_code_decides_whatever_the_http_status),
		cmocka_unit_test(each_end_of_an_exchange_with_a_bridge_has_its_row),
		cmocka_unit_test(a_failed_exchange_is_pending_exactly_when_nothing_of_it_was_sent),
		cmocka_unit_test(retries_end_after_as_many_as_their_plan_has),
		cmocka_unit_test(a_provider_error_fails_over_after_the_second_attempt),
		cmocka_unit_test(a_rate_limit_respects_retry_after),
		cmocka_unit_test(nothing_is_pending_beyond_its_deadline),
		cmocka_unit_test(another_account_may_send_before_the_deadline_what_this_one_would_retry_too_late),
		cmocka_unit_test(an_unknown_outcome_is_never_pending_unless_it_may_be_repeated),
		cmocka_unit_test(look_ups_count_no_attempt_and_never_send_under_another_id),
		cmocka_unit_test(policy_ends_what_nothing_resolved),
		cmocka_unit_test(each_failover_admits_the_accounts_that_its_code_does_not_concern),
		cmocka_unit_test(only_our_bridge_is_looked_at_before_the_time_of_unknown_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
