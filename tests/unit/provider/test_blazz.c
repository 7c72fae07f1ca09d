/* libs/provider/blazz: whole requests, whose signature a bridge can verify, and looking a message up. */
#include "sample.h"

#include "crypto/webhook_signature.h"
#include "provider/blazz.h"

#define SECRET  "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define STANZA  "3EB0C0FFEE"
#define IMAGE   { .url = LIT("https://example.com/a.jpg"), .mime = LIT("image/png"), .caption = LIT("A picture") }
#define FILE_   { .url = LIT("https://example.com/a.pdf"), .file_name = LIT("invoice.pdf") }
#define ANY     { .url = LIT("https://example.com/a") }
#define MONAS   { .present = true, .latitude = -6.2, .longitude = 106.8, .name = LIT("Monas"), .address = LIT("Jakarta") }
#define REPLIED { .key = LIT("false:" STANZA) }

#define URL   "http://bridge:3000/wa/api/messages/send"
#define BEGIN "{\"session_id\":\"sales 1\",\"client_message_id\":\"" MESSAGE_ID "\",\"to\":\"6281234567890@c.us\","

static const struct sample samples[] = {
	{ "text", { .to = TO_PHONE, .type = MSG_TEXT, .body = LIT("Hello") }, HTTP_POST, URL,
		BEGIN "\"type\":\"text\",\"text\":\"Hello\"}" },
	{ "reply after typing",
		{ .to = TO_PHONE, .type = MSG_TEXT, .body = LIT("Yes"), .target = REPLIED, .typing_ms = 1200 },
		HTTP_POST, URL,
		BEGIN "\"type\":\"text\",\"text\":\"Yes\",\"quoted_id\":\"false_6281234567890@c.us_" STANZA
		      "\",\"typing_ms\":1200}" },
	{ "text to a group", { .to = TO_GROUP, .type = MSG_TEXT, .body = LIT("Hi") }, HTTP_POST, URL,
		"{\"session_id\":\"sales 1\",\"client_message_id\":\"" MESSAGE_ID
		"\",\"to\":\"120363000000000001@g.us\",\"type\":\"text\",\"text\":\"Hi\"}" },
	{ "image", { .to = TO_PHONE, .type = MSG_IMAGE, .media = IMAGE }, HTTP_POST, URL,
		BEGIN "\"type\":\"image\",\"media\":{\"url\":\"https://example.com/a.jpg\",\"mime\":\"image/png\","
		      "\"caption\":\"A picture\"}}" },
	{ "video", { .to = TO_PHONE, .type = MSG_VIDEO, .media = ANY }, HTTP_POST, URL,
		BEGIN "\"type\":\"video\",\"media\":{\"url\":\"https://example.com/a\"}}" },
	{ "audio", { .to = TO_PHONE, .type = MSG_AUDIO, .media = ANY }, HTTP_POST, URL,
		BEGIN "\"type\":\"audio\",\"media\":{\"url\":\"https://example.com/a\"}}" },
	{ "voice", { .to = TO_PHONE, .type = MSG_VOICE, .media = ANY }, HTTP_POST, URL,
		BEGIN "\"type\":\"voice\",\"media\":{\"url\":\"https://example.com/a\"}}" },
	{ "document", { .to = TO_PHONE, .type = MSG_DOCUMENT, .media = FILE_ }, HTTP_POST, URL,
		BEGIN
		"\"type\":\"document\",\"media\":{\"url\":\"https://example.com/a.pdf\",\"file_name\":\"invoice.pdf\"}}" },
	{ "sticker", { .to = TO_PHONE, .type = MSG_STICKER, .media = ANY }, HTTP_POST, URL,
		BEGIN "\"type\":\"sticker\",\"media\":{\"url\":\"https://example.com/a\"}}" },
	{ "location", { .to = TO_PHONE, .type = MSG_LOCATION, .location = MONAS }, HTTP_POST, URL,
		BEGIN "\"type\":\"location\",\"location\":{\"latitude\":-6.2,\"longitude\":106.8,\"name\":\"Monas\","
		      "\"address\":\"Jakarta\"}}" },
	{ "reaction", { .act = ACT_REACT, .to = TO_PHONE, .target = REPLIED, .emoji = LIT("\xf0\x9f\x91\x8d") },
		HTTP_POST, URL,
		BEGIN "\"type\":\"reaction\",\"reaction\":{\"emoji\":\"\xf0\x9f\x91\x8d\"},"
		      "\"quoted_id\":\"false_6281234567890@c.us_" STANZA "\"}" },
	{ "reaction withdrawn", { .act = ACT_REACT, .to = TO_PHONE, .target = REPLIED }, HTTP_POST, URL,
		BEGIN
		"\"type\":\"reaction\",\"reaction\":{\"emoji\":\"\"},\"quoted_id\":\"false_6281234567890@c.us_" STANZA
		"\"}" },
	{ "read", { .act = ACT_READ, .to = TO_PHONE, .target = REPLIED }, HTTP_POST, URL,
		BEGIN "\"type\":\"read\",\"quoted_id\":\"false_6281234567890@c.us_" STANZA "\"}" },
};

static struct signing_keys *keys_of(void)
{
	const struct str secret = STR(SECRET);
	struct signing_keys *k = NULL;

	assert_int_equal(signing_keys_of(&k, &secret, 1, NULL), 0);
	return k;
}

static struct provider_account account_of(const struct signing_keys *k)
{
	struct provider_account from = sample_account(PROVIDER_WEBJS, BRIDGE_BLAZZ);

	from.signing = k;
	from.key = STR_NONE;
	return from;
}

static void each_kind_of_content_is_one_request(void **state)
{
	struct signing_keys *k = keys_of();
	const struct provider_account from = account_of(k);

	(void)state;
	assert_ptr_equal(provider_find(PROVIDER_WEBJS, BRIDGE_BLAZZ), &provider_blazz);
	for (size_t i = 0; i < COUNT(samples); i++)
		sample_check(&provider_blazz, &from, &samples[i], NULL);
	signing_keys_free(k);
}

static struct str value_of(const struct provider_request *r, const char *name)
{
	for (size_t i = 0; r->headers[i]; i++)
		if (strncmp(r->headers[i], name, strlen(name)) == 0)
			return str_of(r->headers[i] + strlen(name));
	fail_msg("no header %s", name);
	return STR_NONE;
}

static bool has_header(const struct provider_request *r, const char *name)
{
	for (size_t i = 0; r->headers[i]; i++)
		if (strncmp(r->headers[i], name, strlen(name)) == 0)
			return true;
	return false;
}

static bool is_signed(const struct provider_request *r, struct str text)
{
	const struct str secret = STR(SECRET);

	return webhook_verify(&secret, 1, value_of(r, "webhook-id: "), value_of(r, "webhook-timestamp: "),
		value_of(r, "webhook-signature: "), text, NOW_MS);
}

static void a_bridge_can_verify_the_signature_of_a_message(void **state)
{
	struct signing_keys *k = keys_of();
	const struct provider_account from = account_of(k);
	struct provider_request r = { .method = HTTP_GET }, again = { .method = HTTP_GET };
	struct provider_message m = samples[0].message;
	struct arena *a = arena_new(0);

	(void)state;
	m.client_message_id = STR(MESSAGE_ID);
	assert_int_equal(provider_build(&provider_blazz, &from, &m, NOW_MS, a, &r, NULL), 0);
	assert_true(is_signed(&r, buf_str(&r.body)));
	assert_false(is_signed(&r, STR("{}")));
	assert_true(str_is(value_of(&r, "webhook-timestamp: "), "1767225600"));
	assert_true(str_is(value_of(&r, "content-type: "), "application/json"));
	assert_false(has_header(&r, "x-whatsapp-signature"));
	assert_null(memchr(value_of(&r, "webhook-id: ").p, '.', value_of(&r, "webhook-id: ").n));

	/* The same message has the same id later. */
	assert_int_equal(provider_build(&provider_blazz, &from, &m, NOW_MS + 60000, a, &again, NULL), 0);
	assert_true(str_eq(value_of(&r, "webhook-id: "), value_of(&again, "webhook-id: ")));
	provider_request_fini(&again);
	provider_request_fini(&r);
	arena_free(a);
	signing_keys_free(k);
}

static void a_lookup_signs_its_method_and_path(void **state)
{
	struct signing_keys *k = keys_of();
	struct provider_account from = account_of(k);
	struct provider_request r = { .method = HTTP_POST };
	struct arena *a = arena_new(0);

	(void)state;
	from.session = STR("a&b=c");
	assert_int_equal(blazz_lookup_build(&from, STR("c0.9001#2"), NOW_MS, a, &r, NULL), 0);
	assert_int_equal(r.method, HTTP_GET);
	assert_string_equal(r.url.p, "http://bridge:3000/wa/api/messages/c0.9001%232?session_id=a%26b%3Dc");
	assert_int_equal(r.body.n, 0);
	assert_true(is_signed(&r, STR("GET /api/messages/c0.9001%232?session_id=a%26b%3Dc")));
	assert_null(r.headers[SIGNING_STANDARD_HEADERS]);
	assert_false(has_header(&r, "x-whatsapp-signature"));
	assert_int_equal(blazz_lookup_build(&from, STR(""), NOW_MS, a, &r, NULL), -1);
	provider_request_fini(&r);
	arena_free(a);
	signing_keys_free(k);
}

/* A bridge may reject an id that it has seen. */
static void each_lookup_has_an_id_of_its_own(void **state)
{
	struct signing_keys *k = keys_of();
	const struct provider_account from = account_of(k);
	struct provider_request sent = { .method = HTTP_POST }, first = { .method = HTTP_POST },
				second = { .method = HTTP_POST };
	struct provider_message m = samples[0].message;
	struct arena *a = arena_new(0);

	(void)state;
	m.client_message_id = STR(MESSAGE_ID);
	assert_int_equal(provider_build(&provider_blazz, &from, &m, NOW_MS, a, &sent, NULL), 0);
	assert_int_equal(blazz_lookup_build(&from, m.client_message_id, NOW_MS, a, &first, NULL), 0);
	assert_int_equal(blazz_lookup_build(&from, m.client_message_id, NOW_MS + 1, a, &second, NULL), 0);
	assert_false(str_eq(value_of(&first, "webhook-id: "), value_of(&second, "webhook-id: ")));
	assert_false(str_eq(value_of(&first, "webhook-id: "), value_of(&sent, "webhook-id: ")));
	assert_null(memchr(value_of(&first, "webhook-id: ").p, '.', value_of(&first, "webhook-id: ").n));
	provider_request_fini(&second);
	provider_request_fini(&first);
	provider_request_fini(&sent);
	arena_free(a);
	signing_keys_free(k);
}

static void an_account_without_a_key_or_a_session_sends_nothing(void **state)
{
	struct signing_keys *k = keys_of();
	struct provider_account from = account_of(NULL);
	struct provider_request r = { .method = HTTP_POST };
	struct arena *a = arena_new(0);
	struct err err;

	(void)state;
	assert_int_equal(provider_build(&provider_blazz, &from, &samples[0].message, NOW_MS, a, &r, &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
	from = account_of(k);
	from.session = STR_NONE;
	assert_int_equal(provider_build(&provider_blazz, &from, &samples[0].message, NOW_MS, a, &r, &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
	provider_request_fini(&r);
	arena_free(a);
	signing_keys_free(k);
}

static void a_lookup_says_what_became_of_a_message(void **state)
{
	static const struct {
		const char *name;
		enum exchange_failure failure;
		int status;
		const char *body;
		enum blazz_lookup want;
		const char *key, *reason;
	} cases[] = {
		{ "sent", EXCHANGE_ANSWERED, 200, "{\"state\":\"sent\",\"id\":\"true_62@c.us_3EB0\"}", LOOKUP_SENT,
			"true:3EB0", NULL },
		{ "sent, bare id", EXCHANGE_ANSWERED, 200, "{\"state\":\"sent\",\"id\":\"3EB0\"}", LOOKUP_SENT,
			"true:3EB0", NULL },
		{ "sent without an id", EXCHANGE_ANSWERED, 200, "{\"state\":\"sent\"}", LOOKUP_NONE, NULL, NULL },
		{ "failed", EXCHANGE_ANSWERED, 200, "{\"state\":\"failed\",\"error\":{\"code\":\"not_on_whatsapp\"}}",
			LOOKUP_FAILED, NULL, "undeliverable" },
		{ "failed without a code", EXCHANGE_ANSWERED, 200, "{\"state\":\"failed\"}", LOOKUP_FAILED, NULL,
			"rejected" },
		{ "pending", EXCHANGE_ANSWERED, 200, "{\"state\":\"pending\"}", LOOKUP_PENDING, NULL, NULL },
		{ "never got it", EXCHANGE_ANSWERED, 404, "{\"error\":{\"code\":\"not_found\"}}", LOOKUP_ABSENT, NULL,
			NULL },
		{ "never got it, without a code", EXCHANGE_ANSWERED, 404, "{}", LOOKUP_ABSENT, NULL, NULL },
		{ "another 404", EXCHANGE_ANSWERED, 404, "{\"error\":{\"code\":\"unknown_session\"}}", LOOKUP_NONE,
			NULL, NULL },
		{ "a proxy's 404", EXCHANGE_ANSWERED, 404, "404 page not found", LOOKUP_NONE, NULL, NULL },
		{ "a state of a later contract", EXCHANGE_ANSWERED, 200, "{\"state\":\"queued\"}", LOOKUP_NONE, NULL,
			NULL },
		{ "no JSON", EXCHANGE_ANSWERED, 200, "<html>", LOOKUP_NONE, NULL, NULL },
		{ "an error", EXCHANGE_ANSWERED, 500, "{\"state\":\"sent\",\"id\":\"3EB0\"}", LOOKUP_NONE, NULL, NULL },
		{ "a timeout", EXCHANGE_TIMEOUT, 404, "", LOOKUP_NONE, NULL, NULL },
	};
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct exchange_result r = {
			.failure = cases[i].failure,
			.begun = true,
			.status = cases[i].status,
			.body = str_of(cases[i].body),
		};
		struct provider_answer answer;
		enum blazz_lookup got = blazz_lookup_read(&r, a, &answer);

		if (got != cases[i].want || !str_eq(answer.key, str_of(cases[i].key)))
			fail_msg("%s: %d %.*s", cases[i].name, got, STR_ARG(answer.key));
		if (cases[i].reason)
			assert_string_equal(answer.decision.reason, cases[i].reason);
	}
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_content_is_one_request),
		cmocka_unit_test(a_bridge_can_verify_the_signature_of_a_message),
		cmocka_unit_test(a_lookup_signs_its_method_and_path),
		cmocka_unit_test(each_lookup_has_an_id_of_its_own),
		cmocka_unit_test(an_account_without_a_key_or_a_session_sends_nothing),
		cmocka_unit_test(a_lookup_says_what_became_of_a_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
