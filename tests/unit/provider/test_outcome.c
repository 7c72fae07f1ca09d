/* libs/provider/outcome: the class of each end of an exchange, and what the answers of each provider say. */
#include "unit.h"

#include "provider/outcome.h"

#include <string.h>

#include "base/utf8.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define WAMID    "wamid.HBgLMTY1MDU1NTEyMzQ="

static const struct provider_api *const apis[] = { &provider_meta, &provider_blazz, &provider_waha, &provider_evolution,
	&provider_wwebjs };

static struct attempt_outcome outcome_of(const struct provider_api *api, enum provider_act act, int status,
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

struct answer_case {
	const char *name;
	enum provider_act act;
	int status;
	const char *body;
	const char *class;
	const char *key; /* of an accepted message */
	const char *reason; /* of a decision */
};

static void answers_check(const struct provider_api *api, const struct answer_case *cases, size_t n)
{
	struct arena *a = arena_new(0);

	for (size_t i = 0; i < n; i++) {
		struct attempt_outcome o = outcome_of(api, cases[i].act, cases[i].status, cases[i].body, a);

		if (strcmp(outcome_class_word(o.class), cases[i].class) != 0)
			fail_msg("%s: %s, %s", cases[i].name, outcome_class_word(o.class), o.decision.reason);
		if (cases[i].key && !str_is(o.answer.key, cases[i].key))
			fail_msg("%s: key %.*s", cases[i].name, STR_ARG(o.answer.key));
		if (cases[i].reason && strcmp(o.decision.reason, cases[i].reason) != 0)
			fail_msg("%s: %s", cases[i].name, o.decision.reason);
		assert_int_equal(o.decision.row == ROW_UNKNOWN, o.class == OUTCOME_UNKNOWN);
		assert_int_equal(o.decision.row == ROW_SENT, o.class == OUTCOME_ACCEPTED);
	}
	arena_free(a);
}

#define META_ERROR(code) "{\"error\":{\"message\":\"(#" code ") no\",\"code\":" code "}}"

static void answers_of_meta(void **state)
{
	static const struct answer_case cases[] = {
		{ "an id", ACT_SEND, 200, "{\"messages\":[{\"id\":\"" WAMID "\"}]}", "accepted", WAMID, NULL },
		{ "accepted", ACT_SEND, 200, "{\"messages\":[{\"id\":\"" WAMID "\",\"message_status\":\"accepted\"}]}",
			"accepted", WAMID, NULL },
		{ "held for quality assessment", ACT_SEND, 200,
			"{\"messages\":[{\"id\":\"" WAMID "\",\"message_status\":\"held_for_quality_assessment\"}]}",
			"accepted", WAMID, NULL },
		{ "paused", ACT_SEND, 200, "{\"messages\":[{\"id\":\"" WAMID "\",\"message_status\":\"paused\"}]}",
			"decided", NULL, "template_paused" },
		{ "a read", ACT_READ, 200, "{\"success\":true}", "accepted", NULL, NULL },
		{ "a read without success", ACT_READ, 200, "{}", "unknown", NULL, NULL },
		{ "success instead of an id", ACT_SEND, 200, "{\"success\":true}", "unknown", NULL, NULL },
		{ "no messages", ACT_SEND, 200, "{\"messages\":[]}", "unknown", NULL, NULL },
		{ "an object of messages", ACT_SEND, 200, "{\"messages\":{\"id\":\"" WAMID "\"}}", "unknown", NULL,
			NULL },
		{ "an empty id", ACT_SEND, 200, "{\"messages\":[{\"id\":\"\"}]}", "unknown", NULL, NULL },
		{ "an id that is a list", ACT_SEND, 200, "{\"messages\":[{\"id\":[]}]}", "unknown", NULL, NULL },
		{ "an empty body", ACT_SEND, 200, "", "unknown", NULL, NULL },
		{ "a cut body", ACT_SEND, 200, "{\"messages\":[{\"id\":\"" WAMID, "unknown", NULL, NULL },
		{ "an id with 4xx", ACT_SEND, 400, "{\"messages\":[{\"id\":\"" WAMID "\"}]}", "unknown", NULL, NULL },
		{ "1xx", ACT_SEND, 101, "", "unknown", NULL, NULL },
		{ "a redirect", ACT_SEND, 302, "", "unknown", NULL, NULL },
		{ "a proxy's 400", ACT_SEND, 400, "<html>Bad Request</html>", "unknown", NULL, NULL },
		{ "a proxy's 502", ACT_SEND, 502, "<html>Bad Gateway</html>", "unknown", NULL, NULL },
		{ "a 504 without a body", ACT_SEND, 504, "", "unknown", NULL, NULL },
		{ "an error without a code", ACT_SEND, 400, "{\"error\":{\"message\":\"no\"}}", "unknown", NULL, NULL },
		{ "an error that is text", ACT_SEND, 400, "{\"error\":\"no\"}", "unknown", NULL, NULL },
		{ "a code that is no number", ACT_SEND, 400, "{\"error\":{\"code\":\"x\"}}", "unknown", NULL, NULL },
		{ "a negative code", ACT_SEND, 400, "{\"error\":{\"code\":-1}}", "unknown", NULL, NULL },
		{ "a listed code", ACT_SEND, 400, META_ERROR("131026"), "decided", NULL, "undeliverable" },
		{ "a listed code with 5xx", ACT_SEND, 500, META_ERROR("131000"), "decided", NULL, "provider_error" },
		{ "a listed code with 200", ACT_SEND, 200, META_ERROR("131048"), "decided", NULL, "spam_restricted" },
		{ "a code that is text", ACT_SEND, 401, "{\"error\":{\"code\":\"190\"}}", "decided", NULL,
			"token_invalid" },
		{ "code 0", ACT_SEND, 401, META_ERROR("0"), "decided", NULL, "token_invalid" },
		{ "an unlisted code with 4xx", ACT_SEND, 400, META_ERROR("424242"), "decided", NULL, "rejected" },
		{ "an unlisted code with 5xx", ACT_SEND, 500, META_ERROR("424242"), "unknown", NULL,
			"unknown_outcome" },
		{ "an unlisted code with 200", ACT_SEND, 200, META_ERROR("424242"), "unknown", NULL,
			"unknown_outcome" },
	};

	(void)state;
	answers_check(&provider_meta, cases, COUNT(cases));
}

static void answers_of_our_bridge(void **state)
{
	static const struct answer_case cases[] = {
		{ "an id", ACT_SEND, 200, "{\"id\":\"3EB0\",\"timestamp\":1767225600}", "accepted", "true:3EB0", NULL },
		{ "a whole id", ACT_SEND, 200, "{\"id\":\"true_62@c.us_3EB0\"}", "accepted", "true:3EB0", NULL },
		{ "no id", ACT_SEND, 200, "{}", "unknown", NULL, NULL },
		{ "a reaction", ACT_REACT, 200, "{}", "accepted", NULL, NULL },
		{ "a read without a body", ACT_READ, 204, "", "accepted", NULL, NULL },
		{ "not on WhatsApp", ACT_SEND, 400, "{\"error\":{\"code\":\"not_on_whatsapp\"}}", "decided", NULL,
			"undeliverable" },
		{ "a conflict, whatever its code", ACT_SEND, 409, "{\"error\":{\"code\":\"session_not_connected\"}}",
			"unknown", NULL, NULL },
		{ "session lost", ACT_SEND, 422, "{\"error\":{\"code\":\"session_not_connected\"}}", "decided", NULL,
			"session_not_connected" },
		{ "media failed", ACT_SEND, 400, "{\"error\":{\"code\":\"media_failed\"}}", "decided", NULL,
			"media_failed" },
		{ "4xx without a code", ACT_SEND, 400, "{}", "decided", NULL, "rejected" },
		{ "422 with a session", ACT_SEND, 422, "{\"session\":\"s\"}", "decided", NULL, "rejected" },
		{ "a proxy's 404", ACT_SEND, 404, "<html>", "unknown", NULL, NULL },
		{ "a proxy's 413", ACT_SEND, 413, "", "unknown", NULL, NULL },
		{ "401 without a body", ACT_SEND, 401, "", "decided", NULL, "key_rejected" },
		{ "429 as text", ACT_SEND, 429, "slow down", "decided", NULL, "rate_limited" },
		{ "5xx with a code", ACT_SEND, 500, "{\"error\":{\"code\":\"invalid\"}}", "unknown", NULL, NULL },
	};

	(void)state;
	answers_check(&provider_blazz, cases, COUNT(cases));
}

static void answers_of_waha(void **state)
{
	static const struct answer_case cases[] = {
		{ "an id", ACT_SEND, 201, "{\"id\":\"true_62812@c.us_3EB0\"}", "accepted", "true:3EB0", NULL },
		{ "an id with a participant", ACT_SEND, 201, "{\"id\":\"true_1-2@g.us_3EB0_777@lid\"}", "accepted",
			"true:3EB0", NULL },
		{ "a device in the chat's name", ACT_SEND, 201, "{\"id\":\"true_62_1:2@c.us_3EB0\"}", "accepted",
			"true:3EB0", NULL },
		{ "an id of engine WEBJS", ACT_SEND, 201, "{\"id\":{\"_serialized\":\"true_62@c.us_3EB0\"}}",
			"accepted", "true:3EB0", NULL },
		{ "an id of a build of July 2026", ACT_SEND, 201, "{\"id\":{\"$1\":\"true_62@c.us_3EB0\"}}", "accepted",
			"true:3EB0", NULL },
		{ "an id in parts", ACT_SEND, 201, "{\"id\":{\"fromMe\":true,\"id\":\"3EB0\"}}", "accepted",
			"true:3EB0", NULL },
		{ "an id of engine NOWEB", ACT_SEND, 201, "{\"key\":{\"fromMe\":true,\"id\":\"3EB0\"}}", "accepted",
			"true:3EB0", NULL },
		{ "an id without a stanza", ACT_SEND, 201, "{\"id\":\"true_62@c.us_\"}", "unknown", NULL, NULL },
		{ "an id without a chat", ACT_SEND, 201, "{\"id\":\"true_\"}", "unknown", NULL, NULL },
		{ "no id", ACT_SEND, 201, "{}", "unknown", NULL, NULL },
		{ "seen", ACT_READ, 201, "", "accepted", NULL, NULL },
		{ "session not WORKING", ACT_SEND, 422,
			"{\"error\":\"Session status is not as expected. Try again later or restart the session\","
			"\"session\":\"default\",\"status\":\"STARTING\",\"expected\":[\"WORKING\"]}",
			"decided", NULL, "session_not_connected" },
		{ "a feature of another edition", ACT_SEND, 422,
			"{\"statusCode\":422,\"message\":\"The feature is available only in Plus version\"}", "decided",
			NULL, "rejected" },
		{ "no such session", ACT_SEND, 404, "{\"statusCode\":404}", "decided", NULL, "not_found" },
		{ "reach-out time lock", ACT_SEND, 463, "{\"statusCode\":463}", "decided", NULL, "spam_restricted" },
		{ "message cap", ACT_SEND, 475, "{\"statusCode\":475}", "decided", NULL, "spam_restricted" },
		{ "unauthorized", ACT_SEND, 401, "{\"message\":\"Unauthorized\",\"statusCode\":401}", "decided", NULL,
			"key_rejected" },
		{ "bad request", ACT_SEND, 400, "{\"statusCode\":400}", "decided", NULL, "rejected" },
		{ "5xx", ACT_SEND, 500, "{\"statusCode\":500}", "unknown", NULL, NULL },
	};

	(void)state;
	answers_check(&provider_waha, cases, COUNT(cases));
}

static void answers_of_evolution(void **state)
{
	static const struct answer_case cases[] = {
		{ "an id", ACT_SEND, 201, "{\"key\":{\"id\":\"3EB0\",\"fromMe\":true},\"status\":\"PENDING\"}",
			"accepted", "true:3EB0", NULL },
		{ "an id elsewhere", ACT_SEND, 201, "{\"id\":\"3EB0\"}", "unknown", NULL, NULL },
		{ "a read", ACT_READ, 201, "{\"message\":\"Read messages\",\"read\":\"success\"}", "accepted", NULL,
			NULL },
		{ "no such number", ACT_SEND, 400,
			"{\"status\":400,\"error\":\"Bad Request\",\"response\":{\"message\":[{\"exists\":false}]}}",
			"decided", NULL, "undeliverable" },
		{ "a number that exists", ACT_SEND, 400, "{\"response\":{\"message\":[{\"exists\":true}]}}", "decided",
			NULL, "rejected" },
		{ "exists as text", ACT_SEND, 400, "{\"response\":{\"message\":[{\"exists\":\"false\"}]}}", "decided",
			NULL, "rejected" },
		{ "an error under 200", ACT_SEND, 200, "{\"error\":true,\"key\":{\"id\":\"3EB0\"}}", "decided", NULL,
			"rejected" },
		{ "no such session", ACT_SEND, 404, "{\"status\":404}", "decided", NULL, "not_found" },
		{ "unauthorized", ACT_SEND, 401, "{\"status\":401}", "decided", NULL, "key_rejected" },
		{ "connection closed", ACT_SEND, 500, "{\"status\":500}", "unknown", NULL, NULL },
	};

	(void)state;
	answers_check(&provider_evolution, cases, COUNT(cases));
}

static void answers_of_wwebjs(void **state)
{
	static const struct answer_case cases[] = {
		{ "an id", ACT_SEND, 200,
			"{\"success\":true,\"message\":{\"id\":{\"fromMe\":true,\"id\":\"3EB0\","
			"\"_serialized\":\"true_62@c.us_3EB0\"}}}",
			"accepted", "true:3EB0", NULL },
		{ "success without the message", ACT_SEND, 200, "{\"success\":true}", "unknown", NULL, NULL },
		{ "an error under 200", ACT_SEND, 200, "{\"success\":false,\"error\":\"no\"}", "decided", NULL,
			"rejected" },
		{ "a reaction", ACT_REACT, 200, "{\"success\":true}", "accepted", NULL, NULL },
		{ "a reaction refused", ACT_REACT, 200, "{\"success\":false}", "decided", NULL, "rejected" },
		{ "no such session", ACT_SEND, 404, "{\"success\":false,\"error\":\"session_not_found\"}", "decided",
			NULL, "not_found" },
		{ "wrong key", ACT_SEND, 403, "{\"success\":false}", "decided", NULL, "key_rejected" },
		{ "a page that crashed", ACT_SEND, 500, "{\"success\":false}", "unknown", NULL, NULL },
	};

	(void)state;
	answers_check(&provider_wwebjs, cases, COUNT(cases));
}

/* A proxy may send any body, as a redirect to itself. */
static void an_id_counts_with_2xx_only(void **state)
{
	static const char body[] = "{\"success\":true,\"messages\":[{\"id\":\"" WAMID
				   "\"}],\"id\":\"3EB0\",\"key\":{\"id\":\"3EB0\"},\"message\":{\"id\":\"3EB0\"}}";
	static const int statuses[] = { 100, 199, 300, 302, 399, 500 };
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t p = 0; p < COUNT(apis); p++)
		for (enum provider_act act = ACT_SEND; act <= ACT_READ; act++) {
			assert_int_equal(outcome_of(apis[p], act, 200, body, a).class, OUTCOME_ACCEPTED);
			for (size_t i = 0; i < COUNT(statuses); i++)
				assert_int_equal(outcome_of(apis[p], act, statuses[i], body, a).class, OUTCOME_UNKNOWN);
		}
	arena_free(a);
}

static void only_an_exchange_that_has_not_begun_was_certainly_not_sent(void **state)
{
	static const struct {
		enum exchange_failure failure;
		bool begun;
		int status;
		enum outcome_class class;
		enum account_effect account;
		enum failover failover;
	} cases[] = {
		{ EXCHANGE_DNS, false, 0, OUTCOME_NOT_SENT, ACCOUNT_COUNTS, FAILOVER_ANY },
		{ EXCHANGE_CONNECT, false, 0, OUTCOME_NOT_SENT, ACCOUNT_COUNTS, FAILOVER_ANY },
		{ EXCHANGE_TLS, false, 0, OUTCOME_NOT_SENT, ACCOUNT_COUNTS, FAILOVER_ANY },
		{ EXCHANGE_TIMEOUT, false, 0, OUTCOME_NOT_SENT, ACCOUNT_COUNTS, FAILOVER_ANY },
		{ EXCHANGE_REFUSED, false, 0, OUTCOME_NOT_SENT, ACCOUNT_COUNTS, FAILOVER_ANY },
		{ EXCHANGE_ABORTED, false, 0, OUTCOME_NOT_SENT, ACCOUNT_UNAFFECTED, FAILOVER_ANY },
		{ EXCHANGE_TIMEOUT, true, 0, OUTCOME_UNKNOWN, ACCOUNT_COUNTS, FAILOVER_NEVER },
		{ EXCHANGE_TIMEOUT, true, 200, OUTCOME_UNKNOWN, ACCOUNT_COUNTS, FAILOVER_NEVER },
		{ EXCHANGE_BROKEN, true, 0, OUTCOME_UNKNOWN, ACCOUNT_COUNTS, FAILOVER_NEVER },
		{ EXCHANGE_BROKEN, true, 400, OUTCOME_UNKNOWN, ACCOUNT_COUNTS, FAILOVER_NEVER },
		{ EXCHANGE_ABORTED, true, 0, OUTCOME_UNKNOWN, ACCOUNT_UNAFFECTED, FAILOVER_NEVER },
	};
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t p = 0; p < COUNT(apis); p++) {
			/* Bytes that would have decided a complete answer. */
			const struct exchange_result r = {
				.failure = cases[i].failure,
				.begun = cases[i].begun,
				.status = cases[i].status,
				.retry_after_ms = 5000,
				.body = STR(META_ERROR("131026")),
			};
			struct attempt_outcome o;

			outcome_read(apis[p], ACT_SEND, &r, a, &o);
			assert_int_equal(o.class, cases[i].class);
			assert_int_equal(o.decision.account, cases[i].account);
			assert_int_equal(o.decision.failover, cases[i].failover);
			assert_int_equal(o.decision.row, cases[i].begun ? ROW_UNKNOWN : ROW_PENDING);
			assert_int_equal(o.retry_after_ms, -1);
			assert_int_equal(o.answer.code, CODE_NONE);
		}
	arena_free(a);
}

static void a_graph_error_is_kept_for_operators(void **state)
{
	static const char body[] =
		"{\"error\":{\"message\":\"(#131026) Message undeliverable\",\"type\":\"OAuthException\",\"code\":131026,\"error_subcode\":2494010,"
		"\"error_data\":{\"messaging_product\":\"whatsapp\",\"details\":\"Message Undeliverable.\"},"
		"\"fbtrace_id\":\"AbCdEf\"}}";
	struct arena *a = arena_new(0);
	struct attempt_outcome o = outcome_of(&provider_meta, ACT_SEND, 400, body, a);

	(void)state;
	assert_int_equal(o.answer.code, 131026);
	assert_int_equal(o.answer.subcode, 2494010);
	assert_true(str_is(o.answer.error.code, "131026"));
	assert_true(str_is(o.answer.error.title, "(#131026) Message undeliverable"));
	assert_true(str_is(o.answer.error.details, "Message Undeliverable."));
	assert_true(str_is(o.answer.trace, "AbCdEf"));
	assert_true(str_is(o.excerpt, body));
	arena_free(a);
}

static void the_number_that_was_reached_is_kept(void **state)
{
	struct arena *a = arena_new(0);
	struct attempt_outcome o = outcome_of(&provider_meta, ACT_SEND, 200,
		"{\"contacts\":[{\"input\":\"+55 11 98765-4321\",\"wa_id\":551187654321}],\"messages\":[{\"id\":\"" WAMID
		"\",\"message_status\":\"accepted\"}]}",
		a);

	(void)state;
	assert_true(str_is(o.answer.wa_id, "551187654321"));
	assert_true(str_is(o.answer.status, "accepted"));
	assert_true(str_is(o.answer.provider_id, WAMID));
	assert_null(o.excerpt.p);
	arena_free(a);
}

/* Whatever a provider writes, what is kept of it fits into its column. */
static void what_is_kept_of_an_answer_is_bounded(void **state)
{
	struct arena *a = arena_new(0);
	struct buf body = BUF_INIT;
	struct attempt_outcome o;

	(void)state;
	buf_add_str(&body, STR("{\"error\":{\"code\":1,\"message\":\""));
	for (int i = 0; i < 1000; i++)
		buf_add_str(&body, STR("\xe2\x82\xac"));
	buf_add_str(&body, STR("\"}}"));
	buf_add_char(&body, '\0');
	o = outcome_of(&provider_meta, ACT_SEND, 400, body.p, a);
	assert_int_equal(o.class, OUTCOME_DECIDED);
	assert_in_range(o.answer.error.title.n, PROVIDER_EXCERPT_BYTES - 3, PROVIDER_EXCERPT_BYTES);
	assert_in_range(o.excerpt.n, PROVIDER_EXCERPT_BYTES - 3, PROVIDER_EXCERPT_BYTES);
	assert_true(utf8_storable(o.answer.error.title) && utf8_storable(o.excerpt));

	buf_clear(&body);
	buf_add_str(&body, STR("{\"messages\":[{\"id\":\""));
	for (int i = 0; i <= WIRE_MAX_ID_BYTES; i++)
		buf_add_char(&body, 'x');
	buf_add_str(&body, STR("\"}]}"));
	buf_add_char(&body, '\0');
	o = outcome_of(&provider_meta, ACT_SEND, 200, body.p, a);
	assert_int_equal(o.class, OUTCOME_UNKNOWN);

	o = outcome_of(&provider_meta, ACT_SEND, 400, "\xff\xfe", a);
	assert_int_equal(o.class, OUTCOME_UNKNOWN);
	assert_null(o.excerpt.p);
	buf_fini(&body);
	arena_free(a);
}

static void retry_after_is_passed_on(void **state)
{
	const struct exchange_result r = {
		.failure = EXCHANGE_ANSWERED, .begun = true, .status = 429, .retry_after_ms = 7000, .body = STR("{}")
	};
	struct arena *a = arena_new(0);
	struct attempt_outcome o;

	(void)state;
	outcome_read(&provider_blazz, ACT_SEND, &r, a, &o);
	assert_int_equal(o.retry_after_ms, 7000);
	assert_int_equal(o.decision.retry, RETRY_RATE);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_of_meta),
		cmocka_unit_test(answers_of_our_bridge),
		cmocka_unit_test(answers_of_waha),
		cmocka_unit_test(answers_of_evolution),
		cmocka_unit_test(answers_of_wwebjs),
		cmocka_unit_test(an_id_counts_with_2xx_only),
		cmocka_unit_test(only_an_exchange_that_has_not_begun_was_certainly_not_sent),
		cmocka_unit_test(a_graph_error_is_kept_for_operators),
		cmocka_unit_test(the_number_that_was_reached_is_kept),
		cmocka_unit_test(what_is_kept_of_an_answer_is_bounded),
		cmocka_unit_test(retry_after_is_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
