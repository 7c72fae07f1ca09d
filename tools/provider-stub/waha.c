/* WAHA: POST /api/sendText and its like, PUT /api/reaction, POST /api/sendSeen; X-Api-Key; the session is in the body.
 * Source: https://waha.devlike.pro/docs/how-to/send-messages/ */
#include <inttypes.h>

#include "base/hex.h"
#include "crypto/digest.h"
#include "webjs.h"

static const struct {
	const char *path;
	enum stub_act act;
	const char *type; /* NULL: by the MIME type */
} routes[] = {
	{ "/api/sendText", STUB_SEND, "text" },
	{ "/api/sendImage", STUB_SEND, "image" },
	{ "/api/sendVideo", STUB_SEND, "video" },
	{ "/api/sendVoice", STUB_SEND, "voice" },
	{ "/api/sendFile", STUB_SEND, NULL },
	{ "/api/sendLocation", STUB_SEND, "location" },
	{ "/api/reaction", STUB_REACTION, "reaction" },
	{ "/api/sendSeen", STUB_READ, "read" },
};

static bool route(struct stub_call *c)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (str_is(http_path(c->http), routes[i].path)) {
			c->act = routes[i].act;
			c->type = str_of(routes[i].type);
			return str_is(http_method(c->http), c->act == STUB_REACTION ? "PUT" : "POST");
		}
	return false;
}

static struct str file_type(struct str mime)
{
	return str_starts(mime, STR("audio/")) ? STR("audio") : STR("document");
}

static void file_fill(struct stub_call *c)
{
	const json *file = json_get(c->body, "file");

	c->media_url = json_str(json_get(file, "url"));
	c->mime = json_str(json_get(file, "mimetype"));
	c->file_name = json_str(json_get(file, "filename"));
	if (!c->type.p)
		c->type = file_type(c->mime);
	if (c->media_url.p)
		c->text = json_str(json_get(c->body, "caption"));
}

static int check(struct stub_call *c, struct err *err)
{
	if (stub_require(c->account, "session", err) < 0)
		return -1;
	if (c->act == STUB_REACTION)
		return stub_require(json_str(json_get(c->body, "messageId")), "messageId", err);
	if (stub_require(c->to, "chatId", err) < 0)
		return -1;
	if (c->act == STUB_READ)
		return 0;
	if (str_is(c->type, "location"))
		return stub_place_read(c->body, "title", &c->place, err);
	if (str_is(c->type, "text"))
		return stub_require(c->text, "text", err);
	return stub_require(c->media_url, "file.url", err);
}

static int read_call(struct stub_call *c, struct err *err)
{
	c->account = json_str(json_get(c->body, "session"));
	c->to = json_str(json_get(c->body, "chatId"));
	c->recipient = webjs_recipient(c->to);
	c->text = json_str(json_get(c->body, c->act == STUB_REACTION ? "reaction" : "text"));
	file_fill(c);
	return check(c, err);
}

static bool authentic(const struct stub_call *c)
{
	return crypto_equal(http_header(c->http, "x-api-key"), str_of(c->session->key));
}

static void message_write(struct json_writer *w, const struct session *s, const struct stub_sent *m, int64_t ack)
{
	struct buf text = BUF_INIT;

	webjs_serialized_write(&text, m);
	jw_member_str(w, "id", buf_str(&text));
	buf_clear(&text);
	buf_printf(&text, "%s@c.us", s->phone);
	jw_member_i64(w, "timestamp", m->at_ms / 1000);
	jw_member_str(w, "from", buf_str(&text));
	jw_member_bool(w, "fromMe", true);
	jw_member_str(w, "source", STR("api"));
	jw_member_str(w, "to", m->to);
	jw_member_str(w, "body", m->text.p ? m->text : STR(""));
	jw_member_bool(w, "hasMedia", m->media_url.p != NULL);
	if (m->media_url.p) {
		jw_key(w, "media");
		jw_obj(w);
		jw_member_str(w, "url", m->media_url);
		jw_member_str(w, "mimetype", m->mime);
		jw_member_str(w, "filename", m->file_name);
		jw_obj_end(w);
	}
	if (m->place.given) {
		jw_key(w, "location");
		jw_obj(w);
		stub_place_write(w, &m->place, "latitude", "longitude", "description");
		jw_obj_end(w);
	}
	jw_member_i64(w, "ack", ack);
	jw_key(w, "_data");
	jw_obj(w);
	jw_member_str(w, "type", webjs_type_word(m->type));
	jw_obj_end(w);
	buf_fini(&text);
}

static void success(const struct stub_call *c, const struct stub_sent *m, const struct stub_success *how,
	struct stub_answer *out)
{
	struct json_writer w = stub_answer_begin(out, 201);

	jw_obj(&w);
	if (c->act == STUB_SEND && !how->no_id)
		message_write(&w, c->session, m, 0);
	jw_obj_end(&w);
}

static void fault(const struct stub_call *c, const struct stub_fault *f, struct stub_answer *out)
{
	static const struct webjs_fault table[] = {
		{ "unauthenticated", 401, "Unauthorized" },
		{ "unknown_session", 404, "Session does not exist" },
		{ "session_not_connected", 422, "Session status is not as expected" },
		{ "rate_limited", 429, "Too Many Requests" },
		{ "blocked", 463, "The account is restricted" },
		{ NULL, 400, "Bad Request" },
	};
	const struct webjs_fault *known = webjs_fault_find(table, f->word);
	struct json_writer w = stub_answer_begin(out, f->status ? f->status : known->status);

	jw_obj(&w);
	jw_member_i64(&w, "statusCode", out->status);
	jw_member_str(&w, "message", f->title.p ? f->title : str_of(known->text));
	if (str_is(f->word, "session_not_connected")) {
		jw_member_str(&w, "session", c->account);
		jw_member_str(&w, "status", STR("STOPPED"));
		jw_member_str(&w, "expected", STR("WORKING"));
	}
	jw_obj_end(&w);
}

static struct json_writer post_begin(const struct session *s, const struct stub_sent *m, const char *event,
	int64_t at_ms, struct buf *out)
{
	struct json_writer w = json_writer(out);
	struct buf id = BUF_INIT;

	jw_obj(&w);
	buf_printf(&id, "evt_%s_%" PRId64, m->id, at_ms);
	jw_member_str(&w, "id", buf_str(&id));
	jw_member_i64(&w, "timestamp", at_ms);
	jw_member_str(&w, "event", str_of(event));
	jw_member_str(&w, "session", str_of(s->name));
	jw_member_str(&w, "engine", STR("WEBJS"));
	jw_key(&w, "payload");
	jw_obj(&w);
	buf_fini(&id);
	return w;
}

static void post_end(struct json_writer *w)
{
	jw_obj_end(w);
	jw_obj_end(w);
}

static void status(const struct session *s, const struct stub_sent *m, const struct stub_progress *p, struct buf *out)
{
	struct json_writer w = post_begin(s, m, "message.ack", p->at_ms, out);

	message_write(&w, s, m, webjs_ack_of(p->status));
	post_end(&w);
}

static void echo(const struct session *s, const struct stub_sent *m, struct buf *out)
{
	struct json_writer w = post_begin(s, m, "message.any", m->at_ms, out);

	message_write(&w, s, m, 0);
	post_end(&w);
}

static void sign(const struct session *s, const char *id, int64_t now_ms, struct str body, struct buf *out)
{
	uint8_t mac[64];

	(void)id;
	(void)now_ms;
	buf_printf(out, "x-webhook-hmac: ");
	hex_add(out, mac, hmac(HMAC_SHA512, str_of(s->webhook_secret), body, mac));
	buf_add_char(out, '\0');
}

const struct dialect dialect_waha = {
	.provider = STUB_WAHA,
	.route = route,
	.read = read_call,
	.authentic = authentic,
	.id_write = webjs_stanza_write,
	.success = success,
	.fault = fault,
	.status = status,
	.echo = echo,
	.sign = sign,
};
