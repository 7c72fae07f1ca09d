/* libs/provider/waha, evolution and wwebjs: whole requests, byte for byte. */
#include "sample.h"

#define STANZA   "3EB0C0FFEE"
#define RECEIVED "false_6281234567890@c.us_" STANZA
#define REPLIED  { .key = LIT("false:" STANZA), .provider_id = LIT(RECEIVED) }
#define OWN      { .key = LIT("true:" STANZA) }
#define IN_GROUP { .key = LIT("false:" STANZA), .participant = LIT("777@lid") }
#define GROUP    "120363000000000001@g.us"
#define IMAGE    { .url = LIT("https://example.com/a.jpg"), .mime = LIT("image/png"), .caption = LIT("A picture") }
#define DOCUMENT { .url = LIT("https://example.com/a.pdf"), .file_name = LIT("invoice.pdf"), .caption = LIT("Yours") }
#define VOICE    { .url = LIT("https://example.com/a.ogg") }
#define VIDEO    { .url = LIT("https://example.com/a.mp4") }
#define AUDIO    { .url = LIT("https://example.com/a.mp3") }
#define STICKER  { .url = LIT("https://example.com/a.webp") }
#define MONAS    { .present = true, .latitude = -6.2, .longitude = 106.8, .name = LIT("Monas"), .address = LIT("Jakarta") }
#define NOWHERE  { .present = true, .latitude = 1, .longitude = 2 }
#define THUMB    "\xf0\x9f\x91\x8d"

#define WAHA(path) "http://bridge:3000/wa/api/" path
#define WAHA_TO    "{\"session\":\"sales 1\",\"chatId\":\"6281234567890@c.us\","

static const struct sample waha[] = {
	{ "text", { .to = TO_PHONE, .type = MSG_TEXT, .body = LIT("Hello") }, HTTP_POST, WAHA("sendText"),
		WAHA_TO "\"text\":\"Hello\"}" },
	{ "reply", { .to = TO_PHONE, .type = MSG_TEXT, .body = LIT("Yes"), .target = REPLIED }, HTTP_POST,
		WAHA("sendText"), WAHA_TO "\"text\":\"Yes\",\"reply_to\":\"" RECEIVED "\"}" },
	{ "reply in a group", { .to = TO_GROUP, .type = MSG_TEXT, .body = LIT("Yes"), .target = IN_GROUP }, HTTP_POST,
		WAHA("sendText"),
		"{\"session\":\"sales 1\",\"chatId\":\"" GROUP "\",\"text\":\"Yes\",\"reply_to\":\"false_" GROUP
		"_" STANZA "_777@lid\"}" },
	{ "text to a LID", { .to = TO_LID, .type = MSG_TEXT, .body = LIT("Hi") }, HTTP_POST, WAHA("sendText"),
		"{\"session\":\"sales 1\",\"chatId\":\"123456789012345@lid\",\"text\":\"Hi\"}" },
	{ "image", { .to = TO_PHONE, .type = MSG_IMAGE, .media = IMAGE }, HTTP_POST, WAHA("sendImage"),
		WAHA_TO
		"\"file\":{\"mimetype\":\"image/png\",\"url\":\"https://example.com/a.jpg\"},\"caption\":\"A picture\"}" },
	{ "video", { .to = TO_PHONE, .type = MSG_VIDEO, .media = VIDEO }, HTTP_POST, WAHA("sendVideo"),
		WAHA_TO "\"file\":{\"mimetype\":\"video/mp4\",\"url\":\"https://example.com/a.mp4\"}}" },
	{ "voice", { .to = TO_PHONE, .type = MSG_VOICE, .media = VOICE }, HTTP_POST, WAHA("sendVoice"),
		WAHA_TO "\"file\":{\"mimetype\":\"audio/ogg; codecs=opus\",\"url\":\"https://example.com/a.ogg\"}}" },
	{ "audio", { .to = TO_PHONE, .type = MSG_AUDIO, .media = AUDIO }, HTTP_POST, WAHA("sendFile"),
		WAHA_TO "\"file\":{\"mimetype\":\"audio/mpeg\",\"url\":\"https://example.com/a.mp3\"}}" },
	{ "document", { .to = TO_PHONE, .type = MSG_DOCUMENT, .media = DOCUMENT }, HTTP_POST, WAHA("sendFile"),
		WAHA_TO "\"file\":{\"mimetype\":\"application/octet-stream\",\"filename\":\"invoice.pdf\","
			"\"url\":\"https://example.com/a.pdf\"},\"caption\":\"Yours\"}" },
	{ "location", { .to = TO_PHONE, .type = MSG_LOCATION, .location = MONAS }, HTTP_POST, WAHA("sendLocation"),
		WAHA_TO "\"latitude\":-6.2,\"longitude\":106.8,\"title\":\"Monas\"}" },
	{ "location without a name", { .to = TO_PHONE, .type = MSG_LOCATION, .location = NOWHERE }, HTTP_POST,
		WAHA("sendLocation"), WAHA_TO "\"latitude\":1.0,\"longitude\":2.0,\"title\":\"\"}" },
	{ "reaction", { .act = ACT_REACT, .to = TO_PHONE, .target = OWN, .emoji = LIT(THUMB) }, HTTP_PUT,
		WAHA("reaction"),
		"{\"session\":\"sales 1\",\"messageId\":\"true_6281234567890@c.us_" STANZA "\",\"reaction\":\"" THUMB
		"\"}" },
	{ "reaction withdrawn", { .act = ACT_REACT, .to = TO_PHONE, .target = REPLIED }, HTTP_PUT, WAHA("reaction"),
		"{\"session\":\"sales 1\",\"messageId\":\"" RECEIVED "\",\"reaction\":\"\"}" },
	{ "read", { .act = ACT_READ, .to = TO_PHONE, .target = REPLIED }, HTTP_POST, WAHA("sendSeen"),
		WAHA_TO "\"messageId\":\"" RECEIVED "\"}" },
	{ "read in a group", { .act = ACT_READ, .to = TO_GROUP, .target = IN_GROUP }, HTTP_POST, WAHA("sendSeen"),
		"{\"session\":\"sales 1\",\"chatId\":\"" GROUP "\",\"messageId\":\"false_" GROUP "_" STANZA
		"_777@lid\",\"participant\":\"777@lid\"}" },
};

#define EVOLUTION(path) "http://bridge:3000/wa/" path "/sales%201"
#define EVOLUTION_TO    "{\"number\":\"6281234567890\","
#define EVOLUTION_KEY(from_me) \
	"{\"remoteJid\":\"6281234567890@s.whatsapp.net\",\"fromMe\":" from_me ",\"id\":\"" STANZA "\"}"

static const struct sample evolution[] = {
	{ "text", { .to = TO_PHONE, .type = MSG_TEXT, .body = LIT("Hello") }, HTTP_POST, EVOLUTION("message/sendText"),
		EVOLUTION_TO "\"text\":\"Hello\"}" },
	{ "text after typing", { .to = TO_PHONE, .type = MSG_TEXT, .body = LIT("Hello"), .typing_ms = 1200 }, HTTP_POST,
		EVOLUTION("message/sendText"), EVOLUTION_TO "\"text\":\"Hello\",\"delay\":1200}" },
	{ "reply", { .to = TO_PHONE, .type = MSG_TEXT, .body = LIT("Yes"), .target = REPLIED }, HTTP_POST,
		EVOLUTION("message/sendText"),
		EVOLUTION_TO "\"text\":\"Yes\",\"quoted\":{\"key\":" EVOLUTION_KEY("false") "}}" },
	{ "text to a LID", { .to = TO_LID, .type = MSG_TEXT, .body = LIT("Hi") }, HTTP_POST,
		EVOLUTION("message/sendText"), "{\"number\":\"123456789012345@lid\",\"text\":\"Hi\"}" },
	{ "text to a group", { .to = TO_GROUP, .type = MSG_TEXT, .body = LIT("Hi") }, HTTP_POST,
		EVOLUTION("message/sendText"), "{\"number\":\"" GROUP "\",\"text\":\"Hi\"}" },
	{ "image", { .to = TO_PHONE, .type = MSG_IMAGE, .media = IMAGE }, HTTP_POST, EVOLUTION("message/sendMedia"),
		EVOLUTION_TO "\"mediatype\":\"image\",\"mimetype\":\"image/png\",\"caption\":\"A picture\","
			     "\"media\":\"https://example.com/a.jpg\"}" },
	{ "video", { .to = TO_PHONE, .type = MSG_VIDEO, .media = VIDEO }, HTTP_POST, EVOLUTION("message/sendMedia"),
		EVOLUTION_TO "\"mediatype\":\"video\",\"media\":\"https://example.com/a.mp4\"}" },
	{ "audio", { .to = TO_PHONE, .type = MSG_AUDIO, .media = AUDIO }, HTTP_POST, EVOLUTION("message/sendMedia"),
		EVOLUTION_TO "\"mediatype\":\"audio\",\"media\":\"https://example.com/a.mp3\"}" },
	{ "document", { .to = TO_PHONE, .type = MSG_DOCUMENT, .media = DOCUMENT }, HTTP_POST,
		EVOLUTION("message/sendMedia"),
		EVOLUTION_TO "\"mediatype\":\"document\",\"caption\":\"Yours\",\"media\":\"https://example.com/a.pdf\","
			     "\"fileName\":\"invoice.pdf\"}" },
	{ "voice", { .to = TO_PHONE, .type = MSG_VOICE, .media = VOICE }, HTTP_POST,
		EVOLUTION("message/sendWhatsAppAudio"), EVOLUTION_TO "\"audio\":\"https://example.com/a.ogg\"}" },
	{ "sticker", { .to = TO_PHONE, .type = MSG_STICKER, .media = STICKER }, HTTP_POST,
		EVOLUTION("message/sendSticker"), EVOLUTION_TO "\"sticker\":\"https://example.com/a.webp\"}" },
	{ "location", { .to = TO_PHONE, .type = MSG_LOCATION, .location = MONAS }, HTTP_POST,
		EVOLUTION("message/sendLocation"),
		EVOLUTION_TO "\"latitude\":-6.2,\"longitude\":106.8,\"name\":\"Monas\",\"address\":\"Jakarta\"}" },
	{ "location without a name", { .to = TO_PHONE, .type = MSG_LOCATION, .location = NOWHERE }, HTTP_POST,
		EVOLUTION("message/sendLocation"),
		EVOLUTION_TO "\"latitude\":1.0,\"longitude\":2.0,\"name\":\"\",\"address\":\"\"}" },
	{ "reaction", { .act = ACT_REACT, .to = TO_PHONE, .target = OWN, .emoji = LIT(THUMB) }, HTTP_POST,
		EVOLUTION("message/sendReaction"), "{\"key\":" EVOLUTION_KEY("true") ",\"reaction\":\"" THUMB "\"}" },
	{ "read in a group", { .act = ACT_READ, .to = TO_GROUP, .target = IN_GROUP }, HTTP_POST,
		EVOLUTION("chat/markMessageAsRead"),
		"{\"readMessages\":[{\"remoteJid\":\"" GROUP "\",\"fromMe\":false,\"id\":\"" STANZA
		"\",\"participant\":\"777@lid\"}]}" },
};

#define WWEBJS(path) "http://bridge:3000/wa/" path "/sales%201"
#define WWEBJS_TO    "{\"chatId\":\"6281234567890@c.us\""

static const struct sample wwebjs[] = {
	{ "text", { .to = TO_PHONE, .type = MSG_TEXT, .body = LIT("Hello") }, HTTP_POST, WWEBJS("client/sendMessage"),
		WWEBJS_TO ",\"contentType\":\"string\",\"content\":\"Hello\"}" },
	{ "reply", { .to = TO_PHONE, .type = MSG_TEXT, .body = LIT("Yes"), .target = REPLIED }, HTTP_POST,
		WWEBJS("client/sendMessage"),
		WWEBJS_TO ",\"contentType\":\"string\",\"content\":\"Yes\",\"options\":{\"quotedMessageId\":\"" RECEIVED
			  "\"}}" },
	{ "text to a group", { .to = TO_GROUP, .type = MSG_TEXT, .body = LIT("Hi") }, HTTP_POST,
		WWEBJS("client/sendMessage"),
		"{\"chatId\":\"" GROUP "\",\"contentType\":\"string\",\"content\":\"Hi\"}" },
	{ "image", { .to = TO_PHONE, .type = MSG_IMAGE, .media = IMAGE }, HTTP_POST, WWEBJS("client/sendMessage"),
		WWEBJS_TO ",\"contentType\":\"MessageMediaFromURL\",\"content\":\"https://example.com/a.jpg\","
			  "\"options\":{\"caption\":\"A picture\"}}" },
	{ "video", { .to = TO_PHONE, .type = MSG_VIDEO, .media = VIDEO }, HTTP_POST, WWEBJS("client/sendMessage"),
		WWEBJS_TO ",\"contentType\":\"MessageMediaFromURL\",\"content\":\"https://example.com/a.mp4\"}" },
	{ "audio", { .to = TO_PHONE, .type = MSG_AUDIO, .media = AUDIO }, HTTP_POST, WWEBJS("client/sendMessage"),
		WWEBJS_TO ",\"contentType\":\"MessageMediaFromURL\",\"content\":\"https://example.com/a.mp3\"}" },
	{ "voice", { .to = TO_PHONE, .type = MSG_VOICE, .media = VOICE }, HTTP_POST, WWEBJS("client/sendMessage"),
		WWEBJS_TO ",\"contentType\":\"MessageMediaFromURL\",\"content\":\"https://example.com/a.ogg\","
			  "\"options\":{\"sendAudioAsVoice\":true}}" },
	{ "document", { .to = TO_PHONE, .type = MSG_DOCUMENT, .media = DOCUMENT }, HTTP_POST,
		WWEBJS("client/sendMessage"),
		WWEBJS_TO ",\"contentType\":\"MessageMediaFromURL\",\"content\":\"https://example.com/a.pdf\","
			  "\"mediaFromURLOptions\":{\"filename\":\"invoice.pdf\"},"
			  "\"options\":{\"caption\":\"Yours\",\"sendMediaAsDocument\":true}}" },
	{ "sticker", { .to = TO_PHONE, .type = MSG_STICKER, .media = STICKER }, HTTP_POST, WWEBJS("client/sendMessage"),
		WWEBJS_TO ",\"contentType\":\"MessageMediaFromURL\",\"content\":\"https://example.com/a.webp\","
			  "\"options\":{\"sendMediaAsSticker\":true}}" },
	{ "location", { .to = TO_PHONE, .type = MSG_LOCATION, .location = MONAS }, HTTP_POST,
		WWEBJS("client/sendMessage"),
		WWEBJS_TO ",\"contentType\":\"Location\",\"content\":{\"latitude\":-6.2,\"longitude\":106.8,"
			  "\"description\":\"Monas\"}}" },
	{ "reaction", { .act = ACT_REACT, .to = TO_PHONE, .target = OWN, .emoji = LIT(THUMB) }, HTTP_POST,
		WWEBJS("message/react"), WWEBJS_TO ",\"messageId\":\"" STANZA "\",\"reaction\":\"" THUMB "\"}" },
	{ "read", { .act = ACT_READ, .to = TO_PHONE, .target = REPLIED }, HTTP_POST, WWEBJS("client/sendSeen"),
		WWEBJS_TO "}" },
};

static void all_check(enum bridge_kind bridge, const struct sample *samples, size_t n, const char *headers)
{
	const struct provider_account from = sample_account(PROVIDER_WEBJS, bridge);
	const struct provider_api *api = provider_find(PROVIDER_WEBJS, bridge);

	assert_string_equal(api->name, bridge_word(bridge));
	for (size_t i = 0; i < n; i++)
		sample_check(api, &from, &samples[i], headers);
}

static void each_kind_of_content_is_one_request_to_waha(void **state)
{
	(void)state;
	all_check(BRIDGE_WAHA, waha, COUNT(waha), "x-api-key: EAAJtoken\ncontent-type: application/json\n");
}

static void each_kind_of_content_is_one_request_to_evolution(void **state)
{
	(void)state;
	all_check(BRIDGE_EVOLUTION, evolution, COUNT(evolution), "apikey: EAAJtoken\ncontent-type: application/json\n");
}

static void each_kind_of_content_is_one_request_to_wwebjs(void **state)
{
	(void)state;
	all_check(BRIDGE_WWEBJS, wwebjs, COUNT(wwebjs), "x-api-key: EAAJtoken\ncontent-type: application/json\n");
}

static void what_is_no_provider_is_not_found(void **state)
{
	(void)state;
	assert_null(provider_find(PROVIDER_NONE, BRIDGE_WAHA));
	assert_null(provider_find(PROVIDER_WEBJS, BRIDGE_NONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_content_is_one_request_to_waha),
		cmocka_unit_test(each_kind_of_content_is_one_request_to_evolution),
		cmocka_unit_test(each_kind_of_content_is_one_request_to_wwebjs),
		cmocka_unit_test(what_is_no_provider_is_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
