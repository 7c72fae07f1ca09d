/* Evolution API: POST /message/sendText/{instance} and its like, /chat/markMessageAsRead/{instance}; apikey.
 * Source: Evolution API 2.3, src/validate/message.schema.ts. */
#include <string.h>

#include "crypto/digest.h"
#include "webjs.h"

static const struct {
	const char *prefix;
	enum stub_act act;
	const char *type; /* NULL: the body's mediatype */
} routes[] = {
	{ "/message/sendText/", STUB_SEND, "text" },
	{ "/message/sendMedia/", STUB_SEND, NULL },
	{ "/message/sendWhatsAppAudio/", STUB_SEND, "voice" },
	{ "/message/sendSticker/", STUB_SEND, "sticker" },
	{ "/message/sendLocation/", STUB_SEND, "location" },
	{ "/message/sendReaction/", STUB_REACTION, "reaction" },
	{ "/chat/markMessageAsRead/", STUB_READ, "read" },
};

static bool route(struct stub_call *c)
{
	struct str path = http_path(c->http);

	if (!str_is(http_method(c->http), "POST") || stub_segments(path) != 3)
		return false;
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (str_starts(path, str_of(routes[i].prefix))) {
			c->act = routes[i].act;
			c->type = str_of(routes[i].type);
			c->account = stub_segment(path, 2);
			return true;
		}
	return false;
}

static void media_fill(struct stub_call *c)
{
	static const char *const members[] = { "media", "audio", "sticker" };

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]) && !c->media_url.p; i++)
		c->media_url = json_str(json_get(c->body, members[i]));
	c->mime = json_str(json_get(c->body, "mimetype"));
	c->file_name = json_str(json_get(c->body, "fileName"));
	if (c->media_url.p)
		c->text = json_str(json_get(c->body, "caption"));
}

/* The first of readMessages, or the key that is reacted to. */
static const json *key_of(const struct stub_call *c)
{
	const json *list = json_get(c->body, "readMessages");
	struct json_iter it = json_iter(list);

	return c->act == STUB_READ ? json_next(&it) : json_get(c->body, "key");
}

static int check(struct stub_call *c, struct err *err)
{
	if (c->act != STUB_SEND)
		return stub_require(json_str(json_get(key_of(c), "id")), "key.id", err);
	if (stub_require(c->to, "number", err) < 0 || stub_require(c->type, "mediatype", err) < 0)
		return -1;
	if (str_is(c->type, "text"))
		return stub_require(c->text, "text", err);
	if (str_is(c->type, "location"))
		return stub_place_read(c->body, "name", &c->place, err);
	return stub_require(c->media_url, "media", err);
}

static int read_call(struct stub_call *c, struct err *err)
{
	c->text = json_str(json_get(c->body, c->act == STUB_REACTION ? "reaction" : "text"));
	c->to = json_str(c->act == STUB_SEND ? json_get(c->body, "number") : json_get(key_of(c), "remoteJid"));
	c->recipient = webjs_recipient(c->to);
	if (c->act == STUB_SEND)
		media_fill(c);
	if (!c->type.p)
		c->type = json_str(json_get(c->body, "mediatype"));
	return check(c, err);
}

static bool authentic(const struct stub_call *c)
{
	return crypto_equal(http_header(c->http, "apikey"), str_of(c->session->key));
}

static void jid_member(struct json_writer *w, const struct stub_sent *m)
{
	struct buf jid = BUF_INIT;

	buf_printf(&jid, "%.*s%s", STR_ARG(m->to), memchr(m->to.p, '@', m->to.n) ? "" : "@s.whatsapp.net");
	jw_member_str(w, "remoteJid", buf_str(&jid));
	buf_fini(&jid);
}

static void place_write(struct json_writer *w, const struct stub_sent *m, const char *member)
{
	jw_key(w, member);
	jw_obj(w);
	stub_place_write(w, &m->place, "degreesLatitude", "degreesLongitude", "name");
	jw_obj_end(w);
}

static void media_write(struct json_writer *w, const struct stub_sent *m, const char *member)
{
	jw_key(w, member);
	jw_obj(w);
	jw_member_str(w, "url", m->media_url);
	jw_member_str(w, "mimetype", m->mime.p ? m->mime : STR("application/octet-stream"));
	jw_member_str(w, "fileName", m->file_name);
	if (strcmp(member, "audioMessage") == 0)
		jw_member_bool(w, "ptt", str_is(m->type, "voice"));
	else
		jw_member_str(w, "caption", m->text);
	jw_obj_end(w);
}

static const char *member_of(struct str type)
{
	static const char *const members[][2] = {
		{ "image", "imageMessage" },
		{ "video", "videoMessage" },
		{ "audio", "audioMessage" },
		{ "voice", "audioMessage" },
		{ "document", "documentMessage" },
		{ "sticker", "stickerMessage" },
		{ "location", "locationMessage" },
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (str_is(type, members[i][0]))
			return members[i][1];
	return "conversation";
}

/* Baileys' WAMessage. */
static void message_write(struct json_writer *w, const struct stub_sent *m, bool id)
{
	const char *member = member_of(m->type);

	jw_key(w, "key");
	jw_obj(w);
	jid_member(w, m);
	jw_member_bool(w, "fromMe", true);
	if (id)
		jw_member_str(w, "id", str_of(m->id));
	jw_obj_end(w);
	jw_member_str(w, "status", STR("PENDING"));
	jw_key(w, "message");
	jw_obj(w);
	if (strcmp(member, "conversation") == 0)
		jw_member_str(w, member, m->text.p ? m->text : STR(""));
	else if (m->place.given)
		place_write(w, m, member);
	else
		media_write(w, m, member);
	jw_obj_end(w);
	jw_member_str(w, "messageType", str_of(member));
	jw_member_i64(w, "messageTimestamp", m->at_ms / 1000);
}

static void success(const struct stub_call *c, const struct stub_sent *m, const struct stub_success *how,
	struct stub_answer *out)
{
	struct json_writer w = stub_answer_begin(out, 201);

	jw_obj(&w);
	if (c->act == STUB_READ) {
		jw_member_str(&w, "message", STR("Read messages"));
		jw_member_str(&w, "read", STR("success"));
	} else {
		message_write(&w, m, !how->no_id);
	}
	jw_obj_end(&w);
}

/* {"status", "error", "response": {"message": [...]}}; of an unknown recipient the message is {"exists": false}. */
static void fault(const struct stub_call *c, const struct stub_fault *f, struct stub_answer *out)
{
	static const struct webjs_fault table[] = {
		{ "unauthenticated", 401, "Unauthorized" },
		{ "unknown_session", 404, "Not Found" },
		{ "session_not_connected", 422, "Unprocessable Entity" },
		{ "rate_limited", 429, "Too Many Requests" },
		{ "blocked", 403, "Forbidden" },
		{ NULL, 400, "Bad Request" },
	};
	const struct webjs_fault *known = webjs_fault_find(table, f->word);
	struct json_writer w = stub_answer_begin(out, f->status ? f->status : known->status);

	(void)c;
	jw_obj(&w);
	jw_member_i64(&w, "status", out->status);
	jw_member_str(&w, "error", str_of(known->text));
	if (str_is(f->word, "session_not_connected"))
		jw_member_str(&w, "session", STR("close"));
	jw_key(&w, "response");
	jw_obj(&w);
	jw_key(&w, "message");
	jw_arr(&w);
	if (str_is(f->word, "not_on_whatsapp")) {
		jw_obj(&w);
		jw_member_bool(&w, "exists", false);
		jw_obj_end(&w);
	} else {
		jw_str(&w, f->title.p ? f->title : str_of(known->text));
	}
	jw_arr_end(&w);
	jw_obj_end(&w);
	jw_obj_end(&w);
}

static struct json_writer post_begin(const struct session *s, const char *event, struct buf *out)
{
	struct json_writer w = json_writer(out);

	jw_obj(&w);
	jw_member_str(&w, "event", str_of(event));
	jw_member_str(&w, "instance", str_of(s->name));
	jw_key(&w, "data");
	jw_obj(&w);
	return w;
}

static void post_end(const struct session *s, struct json_writer *w)
{
	struct buf sender = BUF_INIT;

	jw_obj_end(w);
	buf_printf(&sender, "%s@s.whatsapp.net", s->phone);
	jw_member_str(w, "sender", buf_str(&sender));
	jw_member_str(w, "apikey", str_of(s->webhook_secret));
	jw_obj_end(w);
	buf_fini(&sender);
}

static void status(const struct session *s, const struct stub_sent *m, const struct stub_progress *p, struct buf *out)
{
	static const char *const words[STUB_STATUSES] = {
		[STUB_PENDING] = "PENDING",
		[STUB_SENT] = "SERVER_ACK",
		[STUB_DELIVERED] = "DELIVERY_ACK",
		[STUB_READ_BY] = "READ",
		[STUB_PLAYED] = "PLAYED",
		[STUB_FAILED] = "ERROR",
	};
	struct json_writer w = post_begin(s, "messages.update", out);

	jw_member_str(&w, "keyId", str_of(m->id));
	jid_member(&w, m);
	jw_member_bool(&w, "fromMe", true);
	jw_member_str(&w, "status", str_of(words[p->status]));
	post_end(s, &w);
}

static void echo(const struct session *s, const struct stub_sent *m, struct buf *out)
{
	struct json_writer w = post_begin(s, "send.message", out);

	message_write(&w, m, true);
	post_end(s, &w);
}

static void sign(const struct session *s, const char *id, int64_t now_ms, struct str body, struct buf *out)
{
	(void)id;
	(void)now_ms;
	(void)body;
	buf_printf(out, "apikey: %s", s->webhook_secret ? s->webhook_secret : "");
	buf_add_char(out, '\0');
}

const struct dialect dialect_evolution = {
	.provider = STUB_EVOLUTION,
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
