/* libs/crypto/webhook_signature: the published vector of Standard Webhooks, and what verification accepts. */
#include "unit.h"

#include "crypto/webhook_signature.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define SECRET    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define ID        "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define SENT_S    1614265330
#define BODY      "{\"test\": 2432232314}"
#define SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define OTHER     "v1,h0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

static void the_published_vector_is_reproduced(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	webhook_sign(STR(SECRET), STR(ID), SENT_S, STR(BODY), &out);
	assert_true(str_is(buf_str(&out), SIGNATURE));
	buf_fini(&out);
}

static void a_plain_secret_is_used_unchanged(void **state)
{
	static const struct {
		const char *name, *secret, *other;
		bool same;
	} cases[] = {
		{ "the base64 of a plain secret", "whsec_cGxhaW4=", "plain", true },
		{ "what only looks like base64", "whsec_c?", "c?", false },
		{ "another secret", "plain", "Plain", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf a = BUF_INIT, b = BUF_INIT;

		webhook_sign(str_of(cases[i].secret), STR(ID), SENT_S, STR(BODY), &a);
		webhook_sign(str_of(cases[i].other), STR(ID), SENT_S, STR(BODY), &b);
		assert_int_equal(str_eq(buf_str(&a), buf_str(&b)), cases[i].same);
		assert_int_equal(a.n, 3 + 44);
		buf_fini(&a);
		buf_fini(&b);
	}
}

struct request {
	const char *name, *secret, *id, *timestamp, *signatures, *body;
	int64_t late_ms; /* now, after the moment of sending */
	bool want;
};

static const struct request requests[] = {
	{ "the right one", SECRET, ID, "1614265330", SIGNATURE, BODY, 0, true },
	{ "five minutes late", SECRET, ID, "1614265330", SIGNATURE, BODY, 300000, true },
	{ "later than that", SECRET, ID, "1614265330", SIGNATURE, BODY, 300001, false },
	{ "five minutes early", SECRET, ID, "1614265330", SIGNATURE, BODY, -300000, true },
	{ "earlier than that", SECRET, ID, "1614265330", SIGNATURE, BODY, -300001, false },
	{ "one of several", SECRET, ID, "1614265330", OTHER " v1a,xyz " SIGNATURE, BODY, 0, true },
	{ "the first of several", SECRET, ID, "1614265330", SIGNATURE " " OTHER, BODY, 0, true },
	{ "none of several", SECRET, ID, "1614265330", OTHER " " OTHER, BODY, 0, false },
	{ "no version", SECRET, ID, "1614265330", "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", BODY, 0, false },
	{ "a part of it", SECRET, ID, "1614265330", "v1,g0hM9SsE", BODY, 0, false },
	{ "an empty one", SECRET, ID, "1614265330", "", BODY, 0, false },
	{ "an absent one", SECRET, ID, "1614265330", NULL, BODY, 0, false },
	{ "another body", SECRET, ID, "1614265330", SIGNATURE, BODY " ", 0, false },
	{ "another id", SECRET, "msg", "1614265330", SIGNATURE, BODY, 0, false },
	{ "another time", SECRET, ID, "1614265331", SIGNATURE, BODY, 0, false },
	{ "another secret", "whsec_AAKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ID, "1614265330", SIGNATURE, BODY, 0, false },
	{ "a time with a sign", SECRET, ID, "+1614265330", SIGNATURE, BODY, 0, false },
	{ "a time that is no number", SECRET, ID, "yesterday", SIGNATURE, BODY, 0, false },
	{ "a time beyond all times", SECRET, ID, "9223372036854775807", SIGNATURE, BODY, 0, false },
	{ "no time", SECRET, ID, NULL, SIGNATURE, BODY, 0, false },
};

static void only_recent_signatures_with_the_secret_are_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(requests); i++) {
		const struct request *r = &requests[i];
		struct str secret = str_of(r->secret);

		if (webhook_verify(&secret, 1, str_of(r->id), str_of(r->timestamp), str_of(r->signatures),
			    str_of(r->body), SENT_S * INT64_C(1000) + r->late_ms) != r->want)
			fail_msg("%s", r->name);
	}
}

static bool verify_with(const struct str *secrets, size_t n, struct str signatures)
{
	return webhook_verify(secrets, n, STR(ID), STR("1614265330"), signatures, STR(BODY), SENT_S * INT64_C(1000));
}

static void any_of_the_secrets_is_valid(void **state)
{
	const struct str secrets[] = { STR("old"), STR(SECRET), STR("new") };

	(void)state;
	assert_true(verify_with(secrets, 3, STR(SIGNATURE)));
	assert_false(verify_with(secrets, 1, STR(SIGNATURE)));
	assert_false(verify_with(secrets, 0, STR(SIGNATURE)));
}

/* What an attacker can compute who knows that no secret is set. */
static void an_empty_secret_matches_no_signature(void **state)
{
	const struct str empty[] = { STR(""), STR_NONE, STR("whsec_") };
	const struct str guesses[] = { STR(""), STR_NONE, STR(" "),
		STR("v1,woH/1mJtZGSMCmpFTxRYbStS24eLLD/oXIYr4PYyZ7g=") /* HMAC with an empty key */ };

	(void)state;
	for (size_t i = 0; i < COUNT(guesses); i++)
		assert_false(verify_with(empty, COUNT(empty), guesses[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_vector_is_reproduced),
		cmocka_unit_test(a_plain_secret_is_used_unchanged),
		cmocka_unit_test(only_recent_signatures_with_the_secret_are_accepted),
		cmocka_unit_test(any_of_the_secrets_is_valid),
		cmocka_unit_test(an_empty_secret_matches_no_signature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
