/* services/ingest/auth: every scheme over real bodies and their signatures
 * (tests/fixtures/signatures.json). */
#include "unit.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "ingest/auth.h"
#include "json/json.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOW_MS   INT64_C(1767225600000)

static struct str file_read(const char *path, struct arena *a)
{
	FILE *f = fopen(path, "rb");
	struct buf out = BUF_INIT;
	struct str text;
	char piece[4096];
	size_t n;

	assert_non_null(f);
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_add(&out, piece, n);
	fclose(f);
	text = arena_str(a, buf_str(&out));
	buf_fini(&out);
	return text.p ? text : STR("");
}

static struct secret_list list_of(struct str *items, size_t n)
{
	return (struct secret_list){ items, n };
}

/* Which header carries the signature of a file, and by which scheme and key. */
static const struct {
	const char *member, *key_member;
	enum auth_scheme scheme;
	enum auth_claim claim;
} kinds[] = {
	{ "X-Hub-Signature-256", "meta_app_secret", AUTH_META, CLAIM_HUB_SIGNATURE },
	{ "X-Webhook-Hmac", "waha_hmac_key", AUTH_WAHA, CLAIM_WAHA_HMAC },
	{ "hmac_sha256_hex", "webjs_hmac_key_ASSUMED_SCHEME", AUTH_WWEBJS, CLAIM_SIGNATURE },
	{ "hmac_sha256_hex", "webjs_hmac_key_ASSUMED_SCHEME", AUTH_BRIDGE, CLAIM_SIGNATURE },
};

static bool verifies(size_t kind, struct str key, struct str signature, struct str body)
{
	struct str keys[] = { STR("another key"), key };
	struct secrets s = { 0 };
	struct auth_claims c = { 0 };

	if (kinds[kind].scheme == AUTH_META)
		s.app_secrets = list_of(keys, 2);
	else
		s.signing_keys = list_of(keys, 2);
	c.value[kinds[kind].claim] = signature;
	return auth_verify(kinds[kind].scheme, &s, &c, body, NOW_MS);
}

/* Returns how many signatures the file has. */
static size_t file_check(const json *root, struct str name, const json *facts, struct arena *a)
{
	struct str path = arena_printf(a, "tests/fixtures/%.*s", STR_ARG(name));
	size_t n = 0;

	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct str signature = json_str(json_get(facts, kinds[i].member));
		struct str key = json_str(json_get(root, kinds[i].key_member));
		struct str body;

		if (!signature.p)
			continue;
		body = file_read(path.p, a);
		assert_true(verifies(i, key, signature, body));
		assert_false(verifies(i, STR("wrong"), signature, body));
		assert_false(verifies(i, key, signature, str_slice(body, 0, body.n - 1)));
		n++;
	}
	return n;
}

static void every_recorded_signature_matches_its_body_only(void **state)
{
	struct arena *a = arena_new(65536);
	struct json_doc *doc = NULL;
	struct json_iter it;
	const json *facts;
	size_t n = 0;

	(void)state;
	assert_int_equal(json_parse(&doc, file_read("tests/fixtures/signatures.json", a), NULL), 0);
	it = json_iter(json_get(json_root(doc), "files"));
	while ((facts = json_next(&it)))
		n += file_check(json_root(doc), json_iter_key(&it), facts, a);
	assert_true(n > 100);
	json_free(doc);
	arena_free(a);
}

#define BODY   "{\"test\": 2432232314}"
#define KEY    "example-bridge-key"
#define WHSEC  "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define WH_SIG "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define WH_NOW INT64_C(1614265330000)

struct claim {
	enum auth_claim which;
	const char *value;
};

static struct auth_claims claims_of(const struct claim *claims, size_t n)
{
	struct auth_claims out = { 0 };

	for (size_t i = 0; i < n; i++)
		if (claims[i].value)
			out.value[claims[i].which] = str_of(claims[i].value);
	return out;
}

#define WEBHOOK(signature) \
	{ CLAIM_WEBHOOK_ID, "msg_p5jXN8AQM9LWM0D4loKWxJek" }, { CLAIM_WEBHOOK_TIMESTAMP, "1614265330" }, \
	{ \
		CLAIM_WEBHOOK_SIGNATURE, signature \
	}

static void each_scheme_accepts_the_credentials_of_its_route_only(void **state)
{
	static const struct {
		const char *name;
		enum auth_scheme scheme;
		struct claim claims[4];
		int64_t now_ms;
		bool want;
	} cases[] = {
		{ "Standard Webhooks on the bridge's route", AUTH_BRIDGE, { WEBHOOK(WH_SIG) }, WH_NOW, true },
		{ "and on wwebjs's", AUTH_WWEBJS, { WEBHOOK(WH_SIG) }, WH_NOW, true },
		{ "five minutes late", AUTH_BRIDGE, { WEBHOOK(WH_SIG) }, WH_NOW + 300000, true },
		{ "later", AUTH_BRIDGE, { WEBHOOK(WH_SIG) }, WH_NOW + 300001, false },
		{ "a wrong one", AUTH_BRIDGE, { WEBHOOK("v1,AAAA") }, WH_NOW, false },
		{ "none beside id and time", AUTH_BRIDGE, { WEBHOOK(NULL) }, WH_NOW, false },
		{ "not for WAHA", AUTH_WAHA, { WEBHOOK(WH_SIG) }, WH_NOW, false },
		{ "not for Evolution", AUTH_EVOLUTION, { WEBHOOK(WH_SIG) }, WH_NOW, false },
		{ "a bearer token for Evolution", AUTH_EVOLUTION, { { CLAIM_AUTHORIZATION, "Bearer tok-2" } }, 0,
			true },
		{ "its scheme in any case", AUTH_EVOLUTION, { { CLAIM_AUTHORIZATION, "bEARER  tok-2" } }, 0, true },
		{ "basic is no bearer", AUTH_EVOLUTION, { { CLAIM_AUTHORIZATION, "Basic tok-2" } }, 0, false },
		{ "a token without its scheme", AUTH_EVOLUTION, { { CLAIM_AUTHORIZATION, "tok-2" } }, 0, false },
		{ "an empty token", AUTH_EVOLUTION, { { CLAIM_AUTHORIZATION, "Bearer " } }, 0, false },
		{ "an apikey for Evolution", AUTH_EVOLUTION, { { CLAIM_APIKEY, "tok-1" } }, 0, true },
		{ "a piece of it", AUTH_EVOLUTION, { { CLAIM_APIKEY, "tok-" } }, 0, false },
		{ "more than it", AUTH_EVOLUTION, { { CLAIM_APIKEY, "tok-11" } }, 0, false },
		{ "an empty apikey", AUTH_EVOLUTION, { { CLAIM_APIKEY, "" } }, 0, false },
		{ "a signing key is no token", AUTH_EVOLUTION, { { CLAIM_APIKEY, KEY } }, 0, false },
		{ "a bearer token on the older sync", AUTH_BRIDGE_OR_TOKEN, { { CLAIM_AUTHORIZATION, "Bearer tok-1" } },
			0, true },
		{ "not on the newer", AUTH_BRIDGE, { { CLAIM_AUTHORIZATION, "Bearer tok-1" } }, 0, false },
		{ "x-api-key for wwebjs", AUTH_WWEBJS, { { CLAIM_X_API_KEY, "tok-2" } }, 0, true },
		{ "not for the bridge", AUTH_BRIDGE, { { CLAIM_X_API_KEY, "tok-2" } }, 0, false },
		{ "nothing at all", AUTH_BRIDGE, { { CLAIM_SIGNATURE, NULL } }, 0, false },
		{ "an empty signature", AUTH_BRIDGE, { { CLAIM_SIGNATURE, "" } }, 0, false },
		{ "no hex", AUTH_BRIDGE, { { CLAIM_SIGNATURE, "zz" } }, 0, false },
	};
	struct str keys[] = { STR(KEY), STR(WHSEC) }, tokens[] = { STR("tok-1"), STR("tok-2") };
	const struct secrets s = { .signing_keys = list_of(keys, 2), .tokens = list_of(tokens, 2) };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct auth_claims c = claims_of(cases[i].claims, COUNT(cases[i].claims));

		if ((auth_verify(cases[i].scheme, &s, &c, STR(BODY), cases[i].now_ms) != PROOF_NONE) != cases[i].want)
			fail_msg("%s", cases[i].name);
	}
}

static void a_timestamp_may_be_required(void **state)
{
	static const struct {
		const char *name;
		enum auth_scheme scheme;
		struct claim claims[4];
		enum auth_proof open, strict;
	} cases[] = {
		{ "Standard Webhooks", AUTH_BRIDGE, { WEBHOOK(WH_SIG) }, PROOF_DELIVERY, PROOF_DELIVERY },
		{ "and on wwebjs's route", AUTH_WWEBJS, { WEBHOOK(WH_SIG) }, PROOF_DELIVERY, PROOF_DELIVERY },
		{ "a token", AUTH_BRIDGE_OR_TOKEN, { { CLAIM_AUTHORIZATION, "Bearer tok-1" } }, PROOF_BODY,
			PROOF_NONE },
		{ "a key of wwebjs's", AUTH_WWEBJS, { { CLAIM_X_API_KEY, "tok-1" } }, PROOF_BODY, PROOF_NONE },
		{ "a key of Evolution's", AUTH_EVOLUTION, { { CLAIM_APIKEY, "tok-1" } }, PROOF_BODY, PROOF_NONE },
		{ "a key beside a delivery that does not verify", AUTH_WWEBJS,
			{ { CLAIM_X_API_KEY, "tok-1" }, { CLAIM_WEBHOOK_ID, "msg_1" },
				{ CLAIM_WEBHOOK_SIGNATURE, WH_SIG } },
			PROOF_BODY, PROOF_NONE },
	};
	struct str keys[] = { STR(WHSEC) }, tokens[] = { STR("tok-1") };
	struct secrets s = { .signing_keys = list_of(keys, 1), .tokens = list_of(tokens, 1) };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct auth_claims c = claims_of(cases[i].claims, COUNT(cases[i].claims));

		s.require_timestamp = false;
		if (auth_verify(cases[i].scheme, &s, &c, STR(BODY), WH_NOW) != cases[i].open)
			fail_msg("%s", cases[i].name);
		s.require_timestamp = true;
		if (auth_verify(cases[i].scheme, &s, &c, STR(BODY), WH_NOW) != cases[i].strict)
			fail_msg("%s, though a timestamp is required", cases[i].name);
	}
}

static void a_hex_signature_matches_in_either_case_and_with_its_prefix(void **state)
{
	/* printf '%s' '{"a":1}' | openssl dgst -sha256 -hmac key */
	static const struct {
		const char *name, *signature;
		enum auth_scheme scheme;
		bool want;
	} cases[] = {
		{ "plain", "@", AUTH_BRIDGE, true },
		{ "with the algorithm", "sha256=@", AUTH_BRIDGE, true },
		{ "in capitals", "^", AUTH_BRIDGE, true },
		{ "Meta's needs the algorithm", "@", AUTH_META, false },
		{ "and has it", "sha256=@", AUTH_META, true },
		{ "another algorithm", "sha1=@", AUTH_META, false },
		{ "too short", "sha256=00", AUTH_META, false },
		{ "too long", "sha256=@00", AUTH_META, false },
	};
	static const char lower[] = "88a67f24bbcdaed0e6c997404bb79a743baf44c6bab2f4c27328e3009d22e342";
	struct str keys[] = { STR("key") };
	const struct secrets s = { .signing_keys = list_of(keys, 1), .app_secrets = list_of(keys, 1) };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct auth_claims c = { 0 };
		struct buf signature = BUF_INIT;

		for (const char *p = cases[i].signature; *p; p++)
			for (size_t k = 0; k < (*p == '@' || *p == '^' ? 64 : 1); k++)
				buf_add_char(&signature,
					*p == '@'                              ? lower[k]
						: *p == '^' && lower[k] >= 'a' ? (char)(lower[k] - 32)
						: *p == '^'                    ? lower[k]
									       : *p);
		c.value[CLAIM_SIGNATURE] = c.value[CLAIM_HUB_SIGNATURE] = buf_str(&signature);
		if (auth_verify(cases[i].scheme, &s, &c, STR("{\"a\":1}"), 0) != cases[i].want)
			fail_msg("%s", cases[i].name);
		buf_fini(&signature);
	}
}

static void without_secrets_every_request_is_rejected(void **state)
{
	const struct secrets none = { 0 };

	(void)state;
	for (enum auth_scheme scheme = 0; scheme < AUTH_SCHEMES; scheme++)
		for (enum auth_claim claim = 0; claim < AUTH_CLAIMS; claim++) {
			struct auth_claims c = { 0 };

			c.value[claim] = STR("");
			assert_false(auth_verify(scheme, &none, &c, STR("{}"), NOW_MS));
			assert_false(auth_claimed(scheme, &c));
		}
}

static void a_claim_counts_only_where_its_scheme_asks_for_it(void **state)
{
	struct auth_claims c = { 0 };

	(void)state;
	c.value[CLAIM_X_API_KEY] = STR("x");
	assert_true(auth_claimed(AUTH_WWEBJS, &c));
	assert_false(auth_claimed(AUTH_BRIDGE, &c));
	assert_false(auth_claimed(AUTH_META, &c));
}

static void a_verify_token_must_be_the_apps_own(void **state)
{
	const struct secrets with = { .verify_token = STR("token") }, without = { 0 };

	(void)state;
	assert_true(auth_verify_token(&with, STR("token")));
	assert_false(auth_verify_token(&with, STR("tokem")));
	assert_false(auth_verify_token(&with, STR_NONE));
	assert_false(auth_verify_token(&without, STR("")));
	assert_false(auth_verify_token(&without, STR_NONE));
}

#define LARGE_BYTES ((size_t)4 << 20)
#define WRONG       "0000000000000000000000000000000000000000000000000000000000000000"

static int64_t cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t refusal_us(enum auth_scheme scheme, const struct secrets *s, const struct auth_claims *c,
	struct str body)
{
	int64_t began = cpu_us();

	assert_int_equal(auth_verify(scheme, s, c, body, NOW_MS), PROOF_NONE);
	return cpu_us() - began;
}

/* Whether a rejection with these secrets costs as much CPU time as one without an account, within 30 %. Both are
 * measured in turns, and the least of each counts: other work on the machine makes single ones dearer. */
static bool costs_as_unknown(enum auth_scheme scheme, const struct secrets *s, const struct auth_claims *c,
	struct str body)
{
	int64_t unknown = INT64_MAX, known = INT64_MAX;
	bool same = false;

	for (int i = 0; i < 50 && (i < 3 || !same); i++) {
		int64_t u = refusal_us(scheme, &auth_dummy, c, body), k = refusal_us(scheme, s, c, body);

		unknown = u < unknown ? u : unknown;
		known = k < known ? k : known;
		same = known * 10 <= unknown * 13 && unknown * 10 <= known * 13;
	}
	return same;
}

static void a_rejection_takes_the_same_time_for_any_number_of_secrets(void **state)
{
	static const struct {
		enum auth_scheme scheme;
		enum auth_claim claim;
		const char *value;
	} cases[] = {
		{ AUTH_BRIDGE, CLAIM_SIGNATURE, WRONG },
		{ AUTH_BRIDGE, CLAIM_WEBHOOK_SIGNATURE, "v1,AA==" },
		{ AUTH_META, CLAIM_HUB_SIGNATURE, "sha256=" WRONG },
		{ AUTH_WAHA, CLAIM_WAHA_HMAC, WRONG WRONG },
		{ AUTH_WWEBJS, CLAIM_SIGNATURE, WRONG },
	};
	struct str keys[] = { STR("one"), STR("two") }, body = { calloc(1, LARGE_BYTES), LARGE_BYTES };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct auth_claims c = { .value[CLAIM_WEBHOOK_ID] = STR("msg_1"),
			.value[CLAIM_WEBHOOK_TIMESTAMP] = STR("1767225600") };

		c.value[cases[i].claim] = str_of(cases[i].value);
		for (size_t n = 0; n <= AUTH_SECRETS; n++) {
			struct secrets s = { .signing_keys = list_of(keys, n), .app_secrets = list_of(keys, n) };

			if (!costs_as_unknown(cases[i].scheme, &s, &c, body))
				fail_msg("case %zu: a rejection with %zu secrets costs more or less", i, n);
		}
	}
	free((char *)(uintptr_t)body.p);
}

static void a_rejection_takes_the_same_time_where_a_timestamp_is_required(void **state)
{
	struct str keys[] = { STR("one"), STR("two") }, body = { calloc(1, LARGE_BYTES), LARGE_BYTES };
	const struct secrets s = { .signing_keys = list_of(keys, 2), .require_timestamp = true };
	const struct auth_claims c = { .value[CLAIM_SIGNATURE] = STR(WRONG) };

	(void)state;
	assert_true(costs_as_unknown(AUTH_BRIDGE, &s, &c, body));
	free((char *)(uintptr_t)body.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_recorded_signature_matches_its_body_only),
		cmocka_unit_test(each_scheme_accepts_the_credentials_of_its_route_only),
		cmocka_unit_test(a_timestamp_may_be_required),
		cmocka_unit_test(a_hex_signature_matches_in_either_case_and_with_its_prefix),
		cmocka_unit_test(without_secrets_every_request_is_rejected),
		cmocka_unit_test(a_claim_counts_only_where_its_scheme_asks_for_it),
		cmocka_unit_test(a_verify_token_must_be_the_apps_own),
		cmocka_unit_test(a_rejection_takes_the_same_time_for_any_number_of_secrets),
		cmocka_unit_test(a_rejection_takes_the_same_time_where_a_timestamp_is_required),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
