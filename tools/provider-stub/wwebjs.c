/* wwebjs-api: POST /client/sendMessage/{session}, /message/react/{session}, /client/sendSeen/{session}; x-api-key.
 * Source: wwebjs-api, src/controllers. */
#include "base/hex.h"
#include "crypto/digest.h"
#include "webjs.h"

static const struct {
	const char *prefix;
	enum stub_act act;
} routes[] = {
	{ "/client/sendMessage/", STUB_SEND },
	{ "/message/react/", STUB_REACTION },
	{ "/client/sendSeen/", STUB_READ },
};

static bool route(struct stub_call *c)
{
	struct str path = http_path(c->http);

	if (!str_is(http_method(c->http), "POST") || stub_segments(path) != 3)
		return false;
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (str_starts(path, str_of(routes[i].prefix))) {
			c->act = routes[i].act;
			c->account = stub_segment(path, 2);
			return true;
		}
	return false;
}

/* MessageMediaFromURL: the type follows from the options, else from the end of the URL. */
static struct str media_type(const json *options, struct str url)
{
	if (json_true(json_get(options, "sendAudioAsVoice")))
		return STR("voice");
	if (json_true(json_get(options, "sendMediaAsDocument")))
		return STR("document");
	if (json_true(json_get(options, "sendMediaAsSticker")))
		return STR("sticker");
	if (str_ends(url, STR(".mp4")))
		return STR("video");
	return str_ends(url, STR(".mp3")) ? STR("audio") : STR("image");
}

static int content_read(struct stub_call *c, struct err *err)
{
	struct str word = json_str(json_get(c->body, "contentType"));
	const json *options = json_get(c->body, "options");

	if (str_is(word, "string")) {
		c->type = STR("text");
		c->text = json_str(json_get(c->body, "content"));
		return stub_require(c->text, "content", err);
	}
	if (str_is(word, "Location")) {
		c->type = STR("location");
		return stub_place_read(json_get(c->body, "content"), "description", &c->place, err);
	}
	if (!str_is(word, "MessageMediaFromURL"))
		return err_set(err, ERR_INPUT, "type",
			"contentType invalid, must be string, MessageMediaFromURL or Location");
	c->media_url = json_str(json_get(c->body, "content"));
	c->type = media_type(options, c->media_url);
	c->text = json_str(json_get(options, "caption"));
	return stub_require(c->media_url, "content", err);
}

static int read_call(struct stub_call *c, struct err *err)
{
	static const char *const types[] = { [STUB_REACTION] = "reaction", [STUB_READ] = "read" };

	c->to = json_str(json_get(c->body, "chatId"));
	c->recipient = webjs_recipient(c->to);
	if (stub_require(c->to, "chatId", err) < 0)
		return -1;
	if (c->act == STUB_SEND)
		return content_read(c, err);
	c->type = str_of(types[c->act]);
	c->text = json_str(json_get(c->body, "reaction"));
	if (c->act == STUB_READ)
		return 0;
	return stub_require(json_str(json_get(c->body, "messageId")), "messageId", err);
}

static bool authentic(const struct stub_call *c)
{
	return crypto_equal(http_header(c->http, "x-api-key"), str_of(c->session->key));
}

static void message_write(struct json_writer *w, const struct stub_sent *m)
{
	struct buf serialized = BUF_INIT;

	webjs_serialized_write(&serialized, m);
	jw_key(w, "message");
	jw_obj(w);
	jw_key(w, "id");
	jw_obj(w);
	jw_member_bool(w, "fromMe", true);
	jw_member_str(w, "remote", m->to);
	jw_member_str(w, "id", str_of(m->id));
	jw_member_str(w, "_serialized", buf_str(&serialized));
	jw_obj_end(w);
	jw_member_i64(w, "ack", 0);
	jw_member_i64(w, "timestamp", m->at_ms / 1000);
	jw_obj_end(w);
	buf_fini(&serialized);
}

static void success(const struct stub_call *c, const struct stub_sent *m, const struct stub_success *how,
	struct stub_answer *out)
{
	struct json_writer w = stub_answer_begin(out, 200);

	jw_obj(&w);
	jw_member_bool(&w, "success", true);
	if (c->act == STUB_SEND && !how->no_id)
		message_write(&w, m);
	else if (c->act == STUB_READ)
		jw_member_bool(&w, "result", true);
	jw_obj_end(&w);
}

/* An invalid request is rejected with status 200, as whatsapp-web.js's errors are by some builds. */
static void fault(const struct stub_call *c, const struct stub_fault *f, struct stub_answer *out)
{
	static const struct webjs_fault table[] = {
		{ "unauthenticated", 403, "Invalid API key" },
		{ "unknown_session", 404, "session_not_found" },
		{ "session_not_connected", 404, "session_not_connected" },
		{ "rate_limited", 429, "Too many requests" },
		{ "not_on_whatsapp", 200, "No LID for user" },
		{ NULL, 400, "refused" },
	};
	const struct webjs_fault *known = webjs_fault_find(table, f->word);
	struct json_writer w = stub_answer_begin(out, f->status ? f->status : known->status);

	(void)c;
	jw_obj(&w);
	jw_member_bool(&w, "success", false);
	jw_member_str(&w, "error", f->title.p ? f->title : str_of(known->text));
	jw_obj_end(&w);
}

static void sign(const struct session *s, const char *id, int64_t now_ms, struct str body, struct buf *out)
{
	uint8_t mac[64];

	(void)id;
	(void)now_ms;
	buf_printf(out, "x-whatsapp-signature: ");
	hex_add(out, mac, hmac(HMAC_SHA256, str_of(s->webhook_secret), body, mac));
	buf_add_char(out, '\0');
}

const struct dialect dialect_wwebjs = {
	.provider = STUB_WWEBJS,
	.route = route,
	.read = read_call,
	.authentic = authentic,
	.id_write = webjs_stanza_write,
	.success = success,
	.fault = fault,
	.status = webjs_status,
	.echo = webjs_echo,
	.sign = sign,
};
