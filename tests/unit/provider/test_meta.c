/* libs/provider/meta: whole requests, byte for byte, and what the answers say. */
#include "sample.h"

#define URL     "https://graph.facebook.com/v25.0/106540352242922/messages"
#define HEADERS "authorization: Bearer EAAJtoken\ncontent-type: application/json\n"
#define BEGIN   "{\"messaging_product\":\"whatsapp\",\"recipient_type\":\"individual\",\"to\":\"6281234567890\","
#define DATA    "\"biz_opaque_callback_data\":\"blazz:" MESSAGE_ID "\","
#define WAMID   "wamid.HBgLMTY1MDU1NTEyMzQ="

static const struct sample samples[] = {
	{ "text", { .to = TO_PHONE, .type = MSG_TEXT, .body = LIT("Hello \"Budi\"\n\xf0\x9f\x91\x8b") }, HTTP_POST, URL,
		BEGIN "\"type\":\"text\"," DATA "\"text\":{\"body\":\"Hello \\\"Budi\\\"\\n\xf0\x9f\x91\x8b\"}}" },
	{ "reply", { .to = TO_PHONE, .type = MSG_TEXT, .body = LIT("Yes"), .target = { .key = LIT(WAMID) } }, HTTP_POST,
		URL,
		BEGIN "\"context\":{\"message_id\":\"" WAMID "\"},\"type\":\"text\"," DATA
		      "\"text\":{\"body\":\"Yes\"}}" },
	{ "text to a BSUID",
		{ .to = { .contact = { .bsuid = LIT("US.13491208655302741918") } },
			.type = MSG_TEXT,
			.body = LIT("Hi") },
		HTTP_POST, URL,
		"{\"messaging_product\":\"whatsapp\",\"recipient_type\":\"individual\",\"recipient\":\"US.13491208655302741918\","
		"\"type\":\"text\"," DATA "\"text\":{\"body\":\"Hi\"}}" },
	{ "text to a group",
		{ .to = { .is_group = true, .group = { .jid = LIT("Y2FwaV9ncm91cDox") } },
			.type = MSG_TEXT,
			.body = LIT("Hi") },
		HTTP_POST, URL,
		"{\"messaging_product\":\"whatsapp\",\"recipient_type\":\"group\",\"to\":\"Y2FwaV9ncm91cDox\",\"type\":\"text\"," DATA
		"\"text\":{\"body\":\"Hi\"}}" },
	{ "image by id, which counts before its URL",
		{ .to = TO_PHONE,
			.type = MSG_IMAGE,
			.media = { .present = true,
				.provider_media_id = LIT("1013859600285441"),
				.url = LIT("https://example.com/a.jpg"),
				.caption = LIT("A picture") } },
		HTTP_POST, URL,
		BEGIN "\"type\":\"image\"," DATA "\"image\":{\"id\":\"1013859600285441\",\"caption\":\"A picture\"}}" },
	{ "image by link", { .to = TO_PHONE, .type = MSG_IMAGE, .media = { .url = LIT("https://example.com/a.jpg") } },
		HTTP_POST, URL,
		BEGIN "\"type\":\"image\"," DATA "\"image\":{\"link\":\"https://example.com/a.jpg\"}}" },
	{ "video",
		{ .to = TO_PHONE,
			.type = MSG_VIDEO,
			.media = { .url = LIT("https://example.com/a.mp4"), .caption = LIT("A film") } },
		HTTP_POST, URL,
		BEGIN "\"type\":\"video\"," DATA
		      "\"video\":{\"link\":\"https://example.com/a.mp4\",\"caption\":\"A film\"}}" },
	{ "audio", { .to = TO_PHONE, .type = MSG_AUDIO, .media = { .url = LIT("https://example.com/a.mp3") } },
		HTTP_POST, URL,
		BEGIN "\"type\":\"audio\"," DATA "\"audio\":{\"link\":\"https://example.com/a.mp3\"}}" },
	{ "voice", { .to = TO_PHONE, .type = MSG_VOICE, .media = { .url = LIT("https://example.com/a.ogg") } },
		HTTP_POST, URL,
		BEGIN "\"type\":\"audio\"," DATA "\"audio\":{\"link\":\"https://example.com/a.ogg\",\"voice\":true}}" },
	{ "document",
		{ .to = TO_PHONE,
			.type = MSG_DOCUMENT,
			.media = { .url = LIT("https://example.com/a.pdf"),
				.file_name = LIT("invoice.pdf"),
				.caption = LIT("Yours") } },
		HTTP_POST, URL,
		BEGIN
		"\"type\":\"document\"," DATA
		"\"document\":{\"link\":\"https://example.com/a.pdf\",\"caption\":\"Yours\",\"filename\":\"invoice.pdf\"}}" },
	{ "sticker", { .to = TO_PHONE, .type = MSG_STICKER, .media = { .url = LIT("https://example.com/a.webp") } },
		HTTP_POST, URL,
		BEGIN "\"type\":\"sticker\"," DATA "\"sticker\":{\"link\":\"https://example.com/a.webp\"}}" },
	{ "location",
		{ .to = TO_PHONE,
			.type = MSG_LOCATION,
			.location = { .present = true,
				.latitude = -6.2,
				.longitude = 106.8,
				.name = LIT("Monas"),
				.address = LIT("Jakarta") } },
		HTTP_POST, URL,
		BEGIN
		"\"type\":\"location\"," DATA
		"\"location\":{\"latitude\":-6.2,\"longitude\":106.8,\"name\":\"Monas\",\"address\":\"Jakarta\"}}" },
	{ "contacts",
		{ .to = TO_PHONE,
			.type = MSG_CONTACTS,
			.extra = LIT("{\"contacts\": [ {\"name\": {\"formatted_name\": \"Ani\"}} ], \"other\": 1}") },
		HTTP_POST, URL,
		BEGIN "\"type\":\"contacts\"," DATA "\"contacts\":[{\"name\":{\"formatted_name\":\"Ani\"}}]}" },
	{ "interactive",
		{ .to = TO_PHONE,
			.type = MSG_INTERACTIVE,
			.extra = LIT("{\"interactive\": {\"type\": \"button\", \"action\": {\"buttons\": []}}}") },
		HTTP_POST, URL,
		BEGIN "\"type\":\"interactive\"," DATA
		      "\"interactive\":{\"type\":\"button\",\"action\":{\"buttons\":[]}}}" },
	{ "template",
		{ .to = TO_PHONE,
			.type = MSG_TEMPLATE,
			.template_name = LIT("promo_v1"),
			.template_language = LIT("id"),
			.template_components =
				LIT("[{\"type\":\"body\",\"parameters\":[{\"type\":\"text\",\"text\":\"Budi\"}]}]") },
		HTTP_POST, URL,
		BEGIN "\"type\":\"template\"," DATA
		      "\"template\":{\"name\":\"promo_v1\",\"language\":{\"code\":\"id\"},\"components\":["
		      "{\"type\":\"body\",\"parameters\":[{\"type\":\"text\",\"text\":\"Budi\"}]}]}}" },
	{ "template without components",
		{ .to = TO_PHONE,
			.type = MSG_TEMPLATE,
			.template_name = LIT("hello"),
			.template_language = LIT("en_US") },
		HTTP_POST, URL,
		BEGIN "\"type\":\"template\"," DATA
		      "\"template\":{\"name\":\"hello\",\"language\":{\"code\":\"en_US\"}}}" },
	{ "reaction",
		{ .act = ACT_REACT, .to = TO_PHONE, .target = { .key = LIT(WAMID) }, .emoji = LIT("\xf0\x9f\x91\x8d") },
		HTTP_POST, URL,
		BEGIN "\"type\":\"reaction\"," DATA "\"reaction\":{\"message_id\":\"" WAMID
		      "\",\"emoji\":\"\xf0\x9f\x91\x8d\"}}" },
	{ "reaction withdrawn", { .act = ACT_REACT, .to = TO_PHONE, .target = { .key = LIT(WAMID) } }, HTTP_POST, URL,
		BEGIN "\"type\":\"reaction\"," DATA "\"reaction\":{\"message_id\":\"" WAMID "\",\"emoji\":\"\"}}" },
	{ "read", { .act = ACT_READ, .to = TO_PHONE, .target = { .key = LIT(WAMID) } }, HTTP_POST, URL,
		"{\"messaging_product\":\"whatsapp\",\"status\":\"read\",\"message_id\":\"" WAMID "\"}" },
};

static void each_kind_of_content_is_one_request(void **state)
{
	const struct provider_account from = sample_account(PROVIDER_META, BRIDGE_NONE);

	(void)state;
	assert_ptr_equal(provider_find(PROVIDER_META, BRIDGE_NONE), &provider_meta);
	for (size_t i = 0; i < COUNT(samples); i++)
		sample_check(&provider_meta, &from, &samples[i], HEADERS);
}

static void the_path_below_the_base_url_is_kept(void **state)
{
	struct provider_account from = sample_account(PROVIDER_META, BRIDGE_NONE);
	struct sample s = samples[0];

	(void)state;
	from.base_url = STR("http://127.0.0.1:9000/graph///");
	s.url = "http://127.0.0.1:9000/graph/v25.0/106540352242922/messages";
	sample_check(&provider_meta, &from, &s, HEADERS);
}

static void a_request_may_be_built_again_in_the_same_memory(void **state)
{
	const struct provider_account from = sample_account(PROVIDER_META, BRIDGE_NONE);
	struct provider_request r = { .method = HTTP_GET };
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = COUNT(samples); i-- > 0;) {
		struct provider_message m = samples[i].message;

		m.client_message_id = STR(MESSAGE_ID);
		assert_int_equal(provider_build(&provider_meta, &from, &m, NOW_MS, a, &r, NULL), 0);
	}
	assert_string_equal(r.url.p, URL);
	assert_true(str_is(buf_str(&r.body), samples[0].body));
	assert_string_equal(r.headers[0], "authorization: Bearer EAAJtoken");
	assert_null(r.headers[2]);
	provider_request_fini(&r);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_content_is_one_request),
		cmocka_unit_test(the_path_below_the_base_url_is_kept),
		cmocka_unit_test(a_request_may_be_built_again_in_the_same_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
