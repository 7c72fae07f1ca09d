/* Our own bridge contract: POST /api/messages/send and GET /api/messages/{client_message_id}?session_id=, signed as
 * Standard Webhooks. Source: libs/provider/README.md, Bridge contract. What look-ups and repeats are answered is in
 * exchange.c, as it depends on the messages before. */
#include <string.h>

#include "base/clock.h"
#include "crypto/webhook_signature.h"
#include "webjs.h"

static bool route(struct stub_call *c)
{
	struct str path = http_path(c->http);

	if (!str_starts(path, STR("/api/messages/")) || stub_segments(path) != 3)
		return false;
	if (str_is(http_method(c->http), "POST")) {
		c->act = STUB_SEND;
		return str_is(stub_segment(path, 2), "send");
	}
	c->act = STUB_LOOKUP;
	c->client_message_id = stub_segment(path, 2);
	c->account = http_query(c->http, "session_id");
	return str_is(http_method(c->http), "GET");
}

static void content_read(struct stub_call *c)
{
	const json *media = json_get(c->body, "media");

	c->text = json_str(json_get(c->body, "text"));
	if (!media)
		return;
	c->text = json_str(json_get(media, "caption"));
	c->media_url = json_str(json_get(media, "url"));
	c->mime = json_str(json_get(media, "mime"));
	c->file_name = json_str(json_get(media, "file_name"));
}

static int content_check(struct stub_call *c, struct err *err)
{
	static const char *const media[] = { "image", "video", "audio", "voice", "document", "sticker" };
	bool quotes = str_is(c->type, "reaction") || str_is(c->type, "read");

	if (str_is(c->type, "text"))
		return stub_require(c->text, "text", err);
	if (quotes)
		return stub_require(json_str(json_get(c->body, "quoted_id")), "quoted_id", err);
	if (str_is(c->type, "location"))
		return stub_place_read(json_get(c->body, "location"), "name", &c->place, err);
	for (size_t i = 0; i < sizeof(media) / sizeof(media[0]); i++)
		if (str_is(c->type, media[i]))
			return stub_require(c->media_url, "media.url", err);
	return err_set(err, ERR_INPUT, "type", "type: unknown");
}

static int read_call(struct stub_call *c, struct err *err)
{
	if (c->act == STUB_LOOKUP)
		return stub_require(c->account, "session_id", err);
	c->account = json_str(json_get(c->body, "session_id"));
	c->client_message_id = json_str(json_get(c->body, "client_message_id"));
	c->to = json_str(json_get(c->body, "to"));
	c->recipient = webjs_recipient(c->to);
	c->type = json_str(json_get(c->body, "type"));
	if (str_is(c->type, "reaction"))
		c->act = STUB_REACTION;
	else if (str_is(c->type, "read"))
		c->act = STUB_READ;
	content_read(c);
	if (stub_require(c->account, "session_id", err) < 0 || stub_require(c->to, "to", err) < 0 ||
		stub_require(c->client_message_id, "client_message_id", err) < 0)
		return -1;
	return content_check(c, err);
}

/* A call without a body signs "METHOD path?query" in its place. */
static bool authentic(const struct stub_call *c)
{
	const struct str key = str_of(c->session->key);
	struct str signed_text = http_body(c->http);

	if (!c->body)
		signed_text = arena_printf(c->arena, "%.*s %.*s", STR_ARG(http_method(c->http)),
			STR_ARG(http_target(c->http)));
	return webhook_verify(&key, 1, http_header(c->http, "webhook-id"), http_header(c->http, "webhook-timestamp"),
		http_header(c->http, "webhook-signature"), signed_text, clock_now_ms());
}

static void success(const struct stub_call *c, const struct stub_sent *m, const struct stub_success *how,
	struct stub_answer *out)
{
	struct json_writer w = stub_answer_begin(out, 200);

	jw_obj(&w);
	if (!how->no_id && c->act == STUB_SEND)
		jw_member_str(&w, "id", str_of(m->id));
	jw_member_i64(&w, "timestamp", m->at_ms / 1000);
	jw_obj_end(&w);
}

static void fault(const struct stub_call *c, const struct stub_fault *f, struct stub_answer *out)
{
	static const struct webjs_fault table[] = {
		{ "unauthenticated", 401, "the signature is not valid" },
		{ "unknown_session", 404, "no such session" },
		{ "not_found", 404, "no such message" },
		{ "pending", 409, "the first request has not ended" },
		{ "rate_limited", 429, "too many messages" },
		{ "session_not_connected", 422, "the session is not connected" },
		{ "blocked", 403, "WhatsApp restricts the number" },
		{ NULL, 400, "refused" },
	};
	const struct webjs_fault *known = webjs_fault_find(table, f->word);
	struct json_writer w = stub_answer_begin(out, f->status ? f->status : known->status);

	(void)c;
	jw_obj(&w);
	jw_key(&w, "error");
	jw_obj(&w);
	jw_member_str(&w, "code", f->word.p ? f->word : STR("invalid"));
	jw_member_str(&w, "message", f->title.p ? f->title : str_of(known->text));
	jw_obj_end(&w);
	jw_obj_end(&w);
}

static void sign(const struct session *s, const char *id, int64_t now_ms, struct str body, struct buf *out)
{
	struct buf key = BUF_INIT;

	webhook_key(str_of(s->webhook_secret), &key);
	buf_printf(out, "webhook-id: %s", id);
	buf_add_char(out, '\0');
	buf_printf(out, "webhook-timestamp: %lld", (long long)(now_ms / 1000));
	buf_add_char(out, '\0');
	buf_printf(out, "webhook-signature: ");
	webhook_sign_with(buf_str(&key), str_of(id), now_ms / 1000, body, out);
	buf_add_char(out, '\0');
	buf_wipe(&key);
	buf_fini(&key);
}

const struct dialect dialect_blazz = {
	.provider = STUB_BLAZZ,
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
