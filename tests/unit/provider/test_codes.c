/* libs/provider/codes: each row of the table of codes, as an answer and as a failed status. */
#include "unit.h"

#include "provider/codes.h"

#include <stdio.h>
#include <string.h>

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define SECOND    INT64_C(1000)
#define HOUR      (3600 * SECOND)
#define RETRYABLE true
#define FINAL     false

/* A decision as a sentence, so that a row of the table can be read and compared whole. */
static void decision_describe(const struct decision *d, char *out, size_t n)
{
	static const char *const rows[] = { "sent", "retried", "pending", "failed", "unknown" };
	static const char *const plans[] = { "", " by rate", " for the pair", " 4 times", " twice" };
	static const char *const accounts[] = { "", ", account counts", ", account slowed", ", account waits",
		", account held" };
	static const char *const scopes[] = { "", " with its WABA", " with its app" };
	static const char *const holds[] = { "", " for", " until desired", " until released" };
	static const char *const campaigns[] = { "", ", campaign warned", ", campaign warned over a share",
		", campaign breaker", ", campaign moves", ", campaign paused", ", campaign paused for a person" };
	static const char *const failovers[] = { "", ", fails over", ", fails over after tries",
		", fails over to another WABA", ", fails over to another app", ", fails over to another portfolio",
		", fails over to the other provider", ", fails over to a free one" };
	char hold[32] = "";

	if (d->hold == HOLD_TIMED)
		snprintf(hold, sizeof(hold), " %d s", (int)(d->hold_ms / SECOND));
	snprintf(out, n, "%s%s%s%s%s%s%s%s%s%s%s%s%s%s", rows[d->row], plans[d->retry], accounts[d->account],
		scopes[d->scope], holds[d->hold], hold, campaigns[d->campaign], failovers[d->failover],
		d->alert ? ", alert" : "", d->disconnected ? ", disconnected" : "", d->probe ? ", probe" : "",
		d->resumes_on_approval ? ", resumes on approval" : "", d->opt_out ? ", opt-out" : "",
		d->undeliverable ? ", undeliverable" : "");
}

static const char registration[] = "pending, account held until desired, fails over, alert, disconnected";
static const char logged_out[] = "pending, account held until desired, campaign moves, fails over, alert, disconnected";

static const struct {
	const char *name;
	int64_t code;
	const char *does, *reason;
	bool retryable;
} table[] = {
	{ "throughput reached", 130429, "retried by rate, account slowed", "throughput", RETRYABLE },
	{ "pair rate", 131056, "retried for the pair", "pair_rate", RETRYABLE },
	{ "call limit of the WABA", 80007, "pending, account waits with its WABA, fails over to another WABA",
		"waba_limit", RETRYABLE },
	{ "call limit of the app", 4, "pending, account waits with its app, fails over to another app", "app_limit",
		RETRYABLE },
	{ "spam restriction", 131048,
		"pending, account held for 86400 s, campaign moves, fails over to another portfolio, alert",
		"spam_restricted", RETRYABLE },
	{ "healthy ecosystem", 131049, "failed, campaign warned", "ecosystem_limited", RETRYABLE },
	{ "the user stopped marketing", 131050, "failed, opt-out", "opted_out", FINAL },
	{ "marketing experiment", 130472, "failed", "marketing_experiment", FINAL },
	{ "undeliverable", 131026, "failed, campaign warned over a share, undeliverable", "undeliverable", FINAL },
	{ "outside the 24-hour window", 131047, "failed, campaign breaker, fails over to the other provider",
		"needs_template", FINAL },
	{ "sender is the recipient", 131021, "failed", "sender_is_recipient", FINAL },
	{ "BSUID not allowed", 131062, "failed", "bsuid_not_allowed", FINAL },
	{ "recipient not allowed", 137000, "failed", "recipient_not_allowed", FINAL },
	{ "type not supported now", 130501, "failed", "type_not_supported", FINAL },
	{ "parameter count", 132000, "failed, campaign breaker", "template_parameters", FINAL },
	{ "rendered text too long", 132005, "failed, campaign breaker", "template_parameters", FINAL },
	{ "parameter format", 132012, "failed, campaign breaker", "template_parameters", FINAL },
	{ "newline or tab in a parameter", 132018, "failed, campaign breaker", "template_parameters", FINAL },
	{ "parameter missing", 131008, "failed, campaign breaker", "invalid_parameters", FINAL },
	{ "parameter value", 131009, "failed, campaign breaker", "invalid_parameters", FINAL },
	{ "invalid parameter", 100, "failed, campaign breaker", "invalid_parameters", FINAL },
	{ "message type", 131051, "failed, campaign breaker", "type_not_supported", FINAL },
	{ "media download", 131052, "failed, campaign breaker", "media_download_failed", FINAL },
	{ "media upload", 131053, "failed, campaign breaker", "media_upload_failed", FINAL },
	{ "template missing in the language", 132001, "pending, campaign paused", "template_missing", RETRYABLE },
	{ "template against the policy", 132007, "pending, campaign paused", "template_content_policy", RETRYABLE },
	{ "template paused", 132015, "pending, campaign paused, resumes on approval", "template_paused", RETRYABLE },
	{ "template disabled", 132016, "pending, campaign paused", "template_disabled", RETRYABLE },
	{ "Flow blocked", 132068, "pending, campaign paused", "flow_blocked", RETRYABLE },
	{ "Flow throttled", 132069, "pending, campaign paused", "flow_throttled", RETRYABLE },
	{ "token expired", 190, logged_out, "token_invalid", RETRYABLE },
	{ "token invalid", 0, logged_out, "token_invalid", RETRYABLE },
	{ "capability missing", 3, logged_out, "permission_missing", RETRYABLE },
	{ "permission denied", 10, logged_out, "permission_missing", RETRYABLE },
	{ "first permission", 200, logged_out, "permission_missing", RETRYABLE },
	{ "last permission", 299, logged_out, "permission_missing", RETRYABLE },
	{ "access denied", 131005, logged_out, "permission_missing", RETRYABLE },
	{ "payment problem", 131042,
		"pending, account held for 21600 s, campaign moves, fails over to another portfolio, alert",
		"payment_problem", RETRYABLE },
	{ "account locked", 131031, "pending, account held until released, campaign paused for a person, alert",
		"account_locked", RETRYABLE },
	{ "policy block", 368, "pending, account held until released, campaign paused for a person, alert",
		"policy_block", RETRYABLE },
	{ "country restricted", 130497, "failed, campaign breaker, fails over", "country_restricted", FINAL },
	{ "display name", 131037, "pending, account held until desired, campaign moves, fails over, disconnected",
		"display_name_not_approved", RETRYABLE },
	{ "certificate", 131045, "pending, account held until desired, campaign moves, fails over, disconnected",
		"certificate_invalid", RETRYABLE },
	{ "not registered", 133010, "pending, account held until desired, campaign moves, fails over, disconnected",
		"not_registered", RETRYABLE },
	{ "number deleted", 33, "pending, account held until desired, campaign moves, fails over, disconnected",
		"number_deleted", RETRYABLE },
	{ "maintenance", 131057, "pending, account held for 60 s, fails over to a free one, probe", "maintenance",
		RETRYABLE },
	{ "server temporarily unavailable", 133004, "pending, account held for 60 s, fails over", "registration_busy",
		RETRYABLE },
	{ "incomplete deregistration", 133000, registration, "registration_failed", RETRYABLE },
	{ "wrong PIN", 133005, registration, "registration_failed", RETRYABLE },
	{ "number not verified", 133006, registration, "registration_failed", RETRYABLE },
	{ "too many PIN guesses", 133008, registration, "registration_failed", RETRYABLE },
	{ "PIN guessed too fast", 133009, registration, "registration_failed", RETRYABLE },
	{ "wait before registering", 133015, registration, "registration_failed", RETRYABLE },
	{ "registered too often", 133016, registration, "registration_failed", RETRYABLE },
	{ "unknown API error", 1, "retried 4 times, account counts, fails over after tries", "provider_error",
		RETRYABLE },
	{ "service unavailable", 2, "retried 4 times, account counts, fails over after tries", "provider_error",
		RETRYABLE },
	{ "something went wrong", 131000, "retried 4 times, account counts, fails over after tries", "provider_error",
		RETRYABLE },
	{ "service temporarily unavailable", 131016, "retried 4 times, account counts, fails over after tries",
		"provider_error", RETRYABLE },
};

static void decision_is(const char *name, struct decision d, const char *does, const char *reason, bool retryable)
{
	char text[256];

	decision_describe(&d, text, sizeof(text));
	if (strcmp(text, does) != 0 || strcmp(d.reason, reason) != 0 || d.retryable != retryable)
		fail_msg("%s: %s (%s)%s", name, text, d.reason, d.retryable ? " retryable" : "");
}

static void each_code_has_its_decision_whatever_the_http_status(void **state)
{
	static const int statuses[] = { 200, 400, 401, 403, 404, 429, 500, 503 };

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++)
		for (size_t s = 0; s < COUNT(statuses); s++)
			decision_is(table[i].name, code_of_answer(table[i].code, statuses[s]), table[i].does,
				table[i].reason, table[i].retryable);
}

static void an_unlisted_code_is_retried_twice_unless_the_message_may_have_been_sent(void **state)
{
	static const int64_t codes[] = { CODE_NONE, 5, 34, 101, 199, 300, 130000, 131001, 132099, 999999999 };

	(void)state;
	for (size_t i = 0; i < COUNT(codes); i++) {
		decision_is("4xx", code_of_answer(codes[i], 400), "retried twice, campaign breaker", "rejected", true);
		decision_is("499", code_of_answer(codes[i], 499), "retried twice, campaign breaker", "rejected", true);
		decision_is("500", code_of_answer(codes[i], 500), "unknown, account counts", "unknown_outcome", false);
		decision_is("599", code_of_answer(codes[i], 599), "unknown, account counts", "unknown_outcome", false);
		decision_is("200", code_of_answer(codes[i], 200), "unknown, account counts", "unknown_outcome", false);
	}
}

/* Account, campaign and contact are affected as by an answer. */
static void a_failed_status_always_fails_the_row_and_never_fails_over(void **state)
{
	char want[256];

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct decision answer = code_of_answer(table[i].code, 400), status = code_of_status(table[i].code);

		assert_int_equal(status.row, ROW_FAILED);
		assert_int_equal(status.retry, RETRY_NONE);
		assert_int_equal(status.failover, FAILOVER_NEVER);
		answer.row = status.row;
		answer.retry = status.retry;
		answer.failover = status.failover;
		decision_describe(&answer, want, sizeof(want));
		decision_is(table[i].name, status, want, table[i].reason, table[i].retryable);
	}
	decision_is("a code that is not listed", code_of_status(999999), "failed, campaign breaker", "rejected", true);
	decision_is("no code", code_of_status(CODE_NONE), "failed, campaign breaker", "rejected", true);
}

static void an_ecosystem_limit_is_retryable_after_a_day(void **state)
{
	(void)state;
	assert_int_equal(code_of_answer(131049, 400).retryable_after_ms, 24 * HOUR);
	assert_int_equal(code_of_answer(131000, 400).retryable_after_ms, 0);
}

static void a_hold_lets_those_accounts_take_over_that_its_code_allows(void **state)
{
	static const struct {
		const char *code;
		enum failover failover;
	} cases[] = { { "131048", FAILOVER_OTHER_PORTFOLIO }, { "131042", FAILOVER_OTHER_PORTFOLIO },
		{ "131031", FAILOVER_NEVER }, { "368", FAILOVER_NEVER }, { "190", FAILOVER_ANY }, { "0", FAILOVER_ANY },
		{ "131057", FAILOVER_FREE }, { "blocked", FAILOVER_OTHER_PORTFOLIO },
		{ "463", FAILOVER_OTHER_PORTFOLIO }, { "401", FAILOVER_ANY }, { "131026", FAILOVER_ANY },
		{ "", FAILOVER_ANY } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(code_failover_of_hold(str_of(cases[i].code)), cases[i].failover);
}

static void a_code_is_read_from_text(void **state)
{
	(void)state;
	assert_int_equal(code_parse(STR("131047")), 131047);
	assert_int_equal(code_parse(STR("0")), 0);
	assert_int_equal(code_parse(STR("-5")), CODE_NONE);
	assert_int_equal(code_parse(STR("session_not_connected")), CODE_NONE);
	assert_int_equal(code_parse(STR_NONE), CODE_NONE);
}

static void a_bridge_error_is_decided_by_its_word_else_by_its_status(void **state)
{
	static const struct {
		const char *name;
		enum bridge_kind bridge;
		int status;
		const char *word, *does, *reason;
		bool retryable;
	} cases[] = {
		{ "not on WhatsApp", BRIDGE_BLAZZ, 400, "not_on_whatsapp",
			"failed, campaign warned over a share, undeliverable", "undeliverable", FINAL },
		{ "session lost", BRIDGE_BLAZZ, 400, "session_not_connected", "pending, account counts, fails over",
			"session_not_connected", RETRYABLE },
		{ "blocked", BRIDGE_BLAZZ, 403, "blocked",
			"pending, account held for 21600 s, campaign moves, fails over to another portfolio, alert",
			"blocked", RETRYABLE },
		{ "rate limited", BRIDGE_BLAZZ, 429, "rate_limited", "retried by rate, account slowed", "rate_limited",
			RETRYABLE },
		{ "invalid", BRIDGE_BLAZZ, 400, "invalid", "failed, campaign breaker", "rejected", FINAL },
		{ "media failed", BRIDGE_BLAZZ, 400, "media_failed", "failed, campaign breaker", "media_failed",
			FINAL },
		{ "a word of a later contract", BRIDGE_BLAZZ, 400, "moon_phase", "failed, campaign breaker", "rejected",
			FINAL },
		{ "the first request is not over", BRIDGE_BLAZZ, 409, "invalid", "unknown, account counts",
			"unknown_outcome", FINAL },
		{ "a word with 5xx", BRIDGE_BLAZZ, 500, "invalid", "unknown, account counts", "unknown_outcome",
			FINAL },
		{ "signature rejected", BRIDGE_BLAZZ, 401, "",
			"pending, account held until desired, campaign moves, fails over, alert", "key_rejected",
			RETRYABLE },
		{ "422 of our contract", BRIDGE_BLAZZ, 422, "", "failed, campaign breaker", "rejected", FINAL },
		{ "key rejected", BRIDGE_WAHA, 401, "",
			"pending, account held until desired, campaign moves, fails over, alert", "key_rejected",
			RETRYABLE },
		{ "key rejected", BRIDGE_WWEBJS, 403, "",
			"pending, account held until desired, campaign moves, fails over, alert", "key_rejected",
			RETRYABLE },
		{ "422 without a session", BRIDGE_WAHA, 422, "", "failed, campaign breaker", "rejected", FINAL },
		{ "404 of waha", BRIDGE_WAHA, 404, "", "retried twice, campaign breaker", "not_found", RETRYABLE },
		{ "404 of evolution", BRIDGE_EVOLUTION, 404, "", "retried twice, campaign breaker", "not_found",
			RETRYABLE },
		{ "404 of wwebjs", BRIDGE_WWEBJS, 404, "", "retried twice, campaign breaker", "not_found", RETRYABLE },
		{ "404 of our contract", BRIDGE_BLAZZ, 404, "unknown_session", "failed, campaign breaker", "rejected",
			FINAL },
		{ "404 of a proxy", BRIDGE_BLAZZ, 404, "", "unknown, account counts", "unknown_outcome", FINAL },
		{ "429", BRIDGE_WWEBJS, 429, "", "retried by rate, account slowed", "rate_limited", RETRYABLE },
		{ "reach-out time lock", BRIDGE_WAHA, 463, "",
			"pending, account held for 86400 s, campaign moves, fails over to another portfolio, alert",
			"spam_restricted", RETRYABLE },
		{ "message cap", BRIDGE_WAHA, 475, "",
			"pending, account held for 86400 s, campaign moves, fails over to another portfolio, alert",
			"spam_restricted", RETRYABLE },
		{ "463 of another kind", BRIDGE_EVOLUTION, 463, "", "failed, campaign breaker", "rejected", FINAL },
		{ "other 4xx", BRIDGE_EVOLUTION, 400, "", "failed, campaign breaker", "rejected", FINAL },
		{ "conflict", BRIDGE_WAHA, 409, "", "unknown, account counts", "unknown_outcome", FINAL },
		{ "5xx", BRIDGE_WWEBJS, 500, "", "unknown, account counts", "unknown_outcome", FINAL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		decision_is(cases[i].name, code_of_bridge(cases[i].bridge, cases[i].status, str_of(cases[i].word)),
			cases[i].does, cases[i].reason, cases[i].retryable);
}

static void retries_follow_their_plan(void **state)
{
	static const struct {
		const char *name;
		enum retry_plan plan;
		int32_t retries;
		int64_t seconds; /* -1: exhausted */
	} cases[] = {
		{ "none", RETRY_NONE, 0, -1 },
		{ "rate, first", RETRY_RATE, 0, 1 },
		{ "rate doubles", RETRY_RATE, 3, 8 },
		{ "rate, for ever", RETRY_RATE, 1000, 64 },
		{ "pair, first", RETRY_PAIR, 0, 4 },
		{ "pair grows by four", RETRY_PAIR, 2, 64 },
		{ "pair, for ever", RETRY_PAIR, 1000, 1024 },
		{ "transient, first", RETRY_TRANSIENT, 0, 2 },
		{ "transient, second", RETRY_TRANSIENT, 1, 8 },
		{ "transient, third", RETRY_TRANSIENT, 2, 30 },
		{ "transient, fourth", RETRY_TRANSIENT, 3, 120 },
		{ "transient, no fifth", RETRY_TRANSIENT, 4, -1 },
		{ "refused, second", RETRY_REFUSED, 1, 8 },
		{ "refused, no third", RETRY_REFUSED, 2, -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t want_ms = cases[i].seconds < 0 ? SCHEDULE_EXHAUSTED : cases[i].seconds * SECOND;
		int64_t got_ms = codes_retry_ms(cases[i].plan, cases[i].retries, -1, 0.5);

		if (got_ms != want_ms)
			fail_msg("%s: %d ms", cases[i].name, (int)got_ms);
	}
	assert_int_equal(codes_retry_ms(RETRY_RATE, 0, 30 * SECOND, 0.5), 30 * SECOND);
	assert_int_equal(codes_retry_ms(RETRY_RATE, 0, 0, 0), 800);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_code_has_its_decision_whatever_the_http_status),
		cmocka_unit_test(an_unlisted_code_is_retried_twice_unless_the_message_may_have_been_sent),
		cmocka_unit_test(a_failed_status_always_fails_the_row_and_never_fails_over),
		cmocka_unit_test(an_ecosystem_limit_is_retryable_after_a_day),
		cmocka_unit_test(a_hold_lets_those_accounts_take_over_that_its_code_allows),
		cmocka_unit_test(a_code_is_read_from_text),
		cmocka_unit_test(a_bridge_error_is_decided_by_its_word_else_by_its_status),
		cmocka_unit_test(retries_follow_their_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
