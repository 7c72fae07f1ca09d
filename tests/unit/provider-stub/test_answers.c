/* Whether the stub's answers are what libs/provider takes them for: the two were written apart, from the same documents. */
#include "unit.h"

#include "provider/outcome.h"
#include "sessions.h"
#include "stub.h"

#define STANZA "3EB0AAAABBBB00000001"

static const struct provider_api *const apis[STUB_PROVIDERS] = {
	[STUB_META] = &provider_meta,
	[STUB_BLAZZ] = &provider_blazz,
	[STUB_WAHA] = &provider_waha,
	[STUB_EVOLUTION] = &provider_evolution,
	[STUB_WWEBJS] = &provider_wwebjs,
};

static struct attempt_outcome outcome_of(enum stub_provider provider, enum provider_act act,
	const struct stub_answer *answer, struct arena *a)
{
	const struct exchange_result result = {
		.failure = EXCHANGE_ANSWERED,
		.begun = true,
		.status = answer->status,
		.body = buf_str(&answer->body),
		.retry_after_ms = -1,
	};
	struct attempt_outcome out;

	outcome_read(apis[provider], act, &result, a, &out);
	return out;
}

static struct session a_session(enum stub_provider provider)
{
	static char name[] = "acme", phone[] = "6281234567890";

	return (struct session){ .provider = provider, .name = name, .phone = phone };
}

static void accepted_messages_are_read_as_accepted(void **state)
{
	static const struct {
		enum stub_act stub;
		enum provider_act act;
	} acts[] = { { STUB_SEND, ACT_SEND }, { STUB_REACTION, ACT_REACT }, { STUB_READ, ACT_READ } };
	const struct stub_success usual = { 0 };
	struct arena *a = arena_new(4096);

	(void)state;
	for (int p = 0; p < STUB_PROVIDERS; p++)
		for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
			const struct dialect *dialect = stub_dialect((enum stub_provider)p);
			struct session session = a_session((enum stub_provider)p);
			struct stub_call call = {
				.dialect = dialect, .arena = a, .act = acts[i].stub, .session = &session
			};
			struct stub_sent sent = { .id = STANZA,
				.to = STR("6281100000001@c.us"),
				.recipient = STR("6281100000001"),
				.type = STR("text"),
				.text = STR("hello"),
				.at_ms = 1767225600000 };
			struct stub_answer answer = { 0 };
			struct attempt_outcome out;

			dialect->success(&call, &sent, &usual, &answer);
			out = outcome_of((enum stub_provider)p, acts[i].act, &answer, a);
			if (out.class != OUTCOME_ACCEPTED)
				fail_msg("%s, act %zu: %s", apis[p]->name, i, outcome_class_word(out.class));
			if (acts[i].act == ACT_SEND &&
				!str_is(out.answer.key, p == STUB_META ? STANZA : "true:" STANZA))
				fail_msg("%s: key %.*s", apis[p]->name, STR_ARG(out.answer.key));
			buf_fini(&answer.body);
		}
	arena_free(a);
}

static void a_success_without_an_id_is_unknown(void **state)
{
	const struct stub_success without = { .no_id = true };
	struct arena *a = arena_new(4096);

	(void)state;
	for (int p = 0; p < STUB_PROVIDERS; p++) {
		const struct dialect *dialect = stub_dialect((enum stub_provider)p);
		struct session session = a_session((enum stub_provider)p);
		struct stub_call call = { .dialect = dialect, .arena = a, .act = STUB_SEND, .session = &session };
		struct stub_sent sent = {
			.id = STANZA, .to = STR("1@c.us"), .recipient = STR("1"), .type = STR("text")
		};
		struct stub_answer answer = { 0 };
		struct attempt_outcome out;

		dialect->success(&call, &sent, &without, &answer);
		out = outcome_of((enum stub_provider)p, ACT_SEND, &answer, a);
		if (out.class != OUTCOME_UNKNOWN)
			fail_msg("%s: %s", apis[p]->name, outcome_class_word(out.class));
		buf_fini(&answer.body);
	}
	arena_free(a);
}

static const struct {
	enum stub_provider provider;
	const char *word;
	enum outcome_class class;
	enum row_effect row;
	enum account_effect account;
	bool undeliverable;
} errors[] = {
	{ STUB_META, "unauthenticated", OUTCOME_DECIDED, ROW_PENDING, ACCOUNT_HELD, false },
	{ STUB_META, "invalid", OUTCOME_DECIDED, ROW_FAILED, ACCOUNT_UNAFFECTED, false },
	{ STUB_BLAZZ, "unauthenticated", OUTCOME_DECIDED, ROW_PENDING, ACCOUNT_HELD, false },
	{ STUB_BLAZZ, "pending", OUTCOME_UNKNOWN, ROW_UNKNOWN, ACCOUNT_COUNTS, false },
	{ STUB_BLAZZ, "not_on_whatsapp", OUTCOME_DECIDED, ROW_FAILED, ACCOUNT_UNAFFECTED, true },
	{ STUB_BLAZZ, "session_not_connected", OUTCOME_DECIDED, ROW_PENDING, ACCOUNT_COUNTS, false },
	{ STUB_BLAZZ, "blocked", OUTCOME_DECIDED, ROW_PENDING, ACCOUNT_HELD, false },
	{ STUB_BLAZZ, "rate_limited", OUTCOME_DECIDED, ROW_RETRIED, ACCOUNT_SLOWED, false },
	{ STUB_BLAZZ, "invalid", OUTCOME_DECIDED, ROW_FAILED, ACCOUNT_UNAFFECTED, false },
	{ STUB_BLAZZ, "media_failed", OUTCOME_DECIDED, ROW_FAILED, ACCOUNT_UNAFFECTED, false },
	{ STUB_WAHA, "unauthenticated", OUTCOME_DECIDED, ROW_PENDING, ACCOUNT_HELD, false },
	{ STUB_WAHA, "session_not_connected", OUTCOME_DECIDED, ROW_PENDING, ACCOUNT_COUNTS, false },
	{ STUB_WAHA, "blocked", OUTCOME_DECIDED, ROW_PENDING, ACCOUNT_HELD, false },
	{ STUB_WAHA, "rate_limited", OUTCOME_DECIDED, ROW_RETRIED, ACCOUNT_SLOWED, false },
	{ STUB_WAHA, "invalid", OUTCOME_DECIDED, ROW_FAILED, ACCOUNT_UNAFFECTED, false },
	{ STUB_EVOLUTION, "unauthenticated", OUTCOME_DECIDED, ROW_PENDING, ACCOUNT_HELD, false },
	{ STUB_EVOLUTION, "not_on_whatsapp", OUTCOME_DECIDED, ROW_FAILED, ACCOUNT_UNAFFECTED, true },
	{ STUB_EVOLUTION, "session_not_connected", OUTCOME_DECIDED, ROW_PENDING, ACCOUNT_COUNTS, false },
	{ STUB_EVOLUTION, "rate_limited", OUTCOME_DECIDED, ROW_RETRIED, ACCOUNT_SLOWED, false },
	{ STUB_EVOLUTION, "invalid", OUTCOME_DECIDED, ROW_FAILED, ACCOUNT_UNAFFECTED, false },
	{ STUB_WWEBJS, "unauthenticated", OUTCOME_DECIDED, ROW_PENDING, ACCOUNT_HELD, false },
	{ STUB_WWEBJS, "not_on_whatsapp", OUTCOME_DECIDED, ROW_FAILED, ACCOUNT_UNAFFECTED, false },
	{ STUB_WWEBJS, "rate_limited", OUTCOME_DECIDED, ROW_RETRIED, ACCOUNT_SLOWED, false },
	{ STUB_WWEBJS, "invalid", OUTCOME_DECIDED, ROW_FAILED, ACCOUNT_UNAFFECTED, false },
};

static void errors_are_read_as_they_are_meant(void **state)
{
	struct arena *a = arena_new(4096);

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		const struct dialect *dialect = stub_dialect(errors[i].provider);
		struct stub_call call = { .dialect = dialect, .arena = a, .account = STR("acme") };
		struct stub_fault fault = { .word = str_of(errors[i].word) };
		struct stub_answer answer = { 0 };
		struct attempt_outcome out;

		dialect->fault(&call, &fault, &answer);
		out = outcome_of(errors[i].provider, ACT_SEND, &answer, a);
		if (out.class != errors[i].class || out.decision.row != errors[i].row ||
			out.decision.account != errors[i].account ||
			out.decision.undeliverable != errors[i].undeliverable)
			fail_msg("%s %s: status %d, class %s, row %d, account %d, undeliverable %d",
				apis[errors[i].provider]->name, errors[i].word, answer.status,
				outcome_class_word(out.class), (int)out.decision.row, (int)out.decision.account,
				out.decision.undeliverable);
		buf_fini(&answer.body);
	}
	arena_free(a);
}

static void graph_errors_keep_their_code(void **state)
{
	struct arena *a = arena_new(4096);
	struct stub_call call = { .dialect = &dialect_meta, .arena = a };
	struct stub_fault fault = {
		.code = 131026, .subcode = 7, .title = STR("undeliverable"), .details = STR("not on WhatsApp")
	};
	struct stub_answer answer = { 0 };
	struct attempt_outcome out;

	(void)state;
	dialect_meta.fault(&call, &fault, &answer);
	out = outcome_of(STUB_META, ACT_SEND, &answer, a);
	assert_int_equal(out.class, OUTCOME_DECIDED);
	assert_int_equal(out.answer.code, 131026);
	assert_int_equal(out.answer.subcode, 7);
	assert_true(str_is(out.answer.error.details, "not on WhatsApp"));
	assert_true(out.decision.undeliverable);
	buf_fini(&answer.body);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted_messages_are_read_as_accepted),
		cmocka_unit_test(a_success_without_an_id_is_unknown),
		cmocka_unit_test(errors_are_read_as_they_are_meant),
		cmocka_unit_test(graph_errors_keep_their_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
