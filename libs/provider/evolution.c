/* Evolution API: POST {instance}/message/sendText/{session} and its like. An unknown session is answered 404.
 * Source: Evolution API 2.3, src/validate/message.schema.ts. */
#include "provider/bridge.h"
#include "provider/content.h"

/* Of a person only the digits: Evolution looks for the number's regional variant itself. */
static int address(const struct chat_ref *to, struct arena *a, struct str *out, struct err *err)
{
	struct str digits = to->is_group ? STR_NONE : content_digits(to->contact.phone);

	if (digits.n == 0)
		return webjs_address(to, "s.whatsapp.net", a, out, err);
	*out = digits;
	return 0;
}

static const char *path_of(const struct provider_message *m)
{
	if (m->act == ACT_REACT)
		return "/message/sendReaction/";
	if (m->act == ACT_READ)
		return "/chat/markMessageAsRead/";
	switch (m->type) {
	case MSG_TEXT:
		return "/message/sendText/";
	case MSG_LOCATION:
		return "/message/sendLocation/";
	case MSG_VOICE:
		return "/message/sendWhatsAppAudio/";
	case MSG_STICKER:
		return "/message/sendSticker/";
	default:
		return "/message/sendMedia/";
	}
}

static void key_write(struct json_writer *w, const struct provider_target *t, struct str jid)
{
	jw_obj(w);
	jw_member_str(w, "remoteJid", jid);
	jw_member_bool(w, "fromMe", webjs_from_me(t));
	jw_member_str(w, "id", webjs_stanza(t));
	content_optional_write(w, "participant", t->participant);
	jw_obj_end(w);
}

static void media_write(struct json_writer *w, const struct provider_message *m)
{
	jw_member_str(w, "mediatype", str_of(message_type_word(m->type)));
	content_optional_write(w, "mimetype", m->media.mime);
	content_optional_write(w, "caption", m->media.caption);
	jw_member_str(w, "media", m->media.url);
	content_optional_write(w, "fileName", m->media.file_name);
}

static void location_write(struct json_writer *w, const struct location *l)
{
	content_coordinates_write(w, l);
	/* Required, even when empty. */
	content_text_write(w, "name", l->name);
	content_text_write(w, "address", l->address);
}

static void content_write(struct json_writer *w, const struct provider_message *m)
{
	switch (m->type) {
	case MSG_TEXT:
		jw_member_str(w, "text", m->body);
		break;
	case MSG_LOCATION:
		location_write(w, &m->location);
		break;
	case MSG_VOICE:
		jw_member_str(w, "audio", m->media.url);
		break;
	case MSG_STICKER:
		jw_member_str(w, "sticker", m->media.url);
		break;
	default:
		media_write(w, m);
	}
}

static void send_write(struct json_writer *w, const struct provider_message *m, struct str number, struct str jid)
{
	jw_member_str(w, "number", number);
	content_write(w, m);
	if (m->typing_ms > 0)
		jw_member_i64(w, "delay", m->typing_ms);
	if (m->target.key.n == 0)
		return;
	jw_key(w, "quoted");
	jw_obj(w);
	jw_key(w, "key");
	key_write(w, &m->target, jid);
	jw_obj_end(w);
}

static void reaction_write(struct json_writer *w, const struct provider_message *m, struct str jid)
{
	jw_key(w, "key");
	key_write(w, &m->target, jid);
	content_text_write(w, "reaction", m->emoji);
}

static void read_write(struct json_writer *w, const struct provider_message *m, struct str jid)
{
	jw_key(w, "readMessages");
	jw_arr(w);
	key_write(w, &m->target, jid);
	jw_arr_end(w);
}

static int body_write(struct buf *out, const struct provider_message *m, struct arena *a, struct err *err)
{
	struct json_writer w = json_writer(out);
	struct str number, jid;

	if (address(&m->to, a, &number, err) < 0 || webjs_address(&m->to, "s.whatsapp.net", a, &jid, err) < 0)
		return -1;
	jw_obj(&w);
	switch (m->act) {
	case ACT_SEND:
		send_write(&w, m, number, jid);
		break;
	case ACT_REACT:
		reaction_write(&w, m, jid);
		break;
	case ACT_READ:
		read_write(&w, m, jid);
		break;
	}
	jw_obj_end(&w);
	return 0;
}

static int build(const struct provider_account *from, const struct provider_message *m, int64_t now_ms, struct arena *a,
	struct provider_request *out, struct err *err)
{
	(void)now_ms;
	if (provider_request_begin(out, HTTP_POST, from->base_url, err) < 0)
		return -1;
	provider_request_path(out, path_of(m));
	if (bridge_session_path(out, from, err) < 0)
		return -1;
	if (provider_request_secret(out, "apikey: ", from->key, err) < 0 || body_write(&out->body, m, a, err) < 0)
		return -1;
	provider_request_end(out);
	return 0;
}

/* {"status": 400, "response": {"message": [{"exists": false, …}]}} */
static bool is_missing_recipient(const json *messages)
{
	struct json_iter it = json_iter(json_is_arr(messages) ? messages : NULL);
	bool exists;

	return json_to_bool(json_get(json_next(&it), "exists"), &exists) && !exists;
}

static void error_read(const json *body, int http_status, struct arena *a, struct provider_answer *out)
{
	struct str title = answer_text(json_get(body, "error"), PROVIDER_EXCERPT_BYTES, a);

	if (http_status == 400 && is_missing_recipient(json_path(body, "response.message")))
		answer_decide(out, code_of_missing_recipient(), STR("400"), title);
	else
		bridge_error_read(BRIDGE_EVOLUTION, body, http_status, STR_NONE, title, a, out);
}

/* It also rejects with status 200 and "error": true. */
static void read_answer(const json *body, int http_status, enum provider_act act, struct arena *a,
	struct provider_answer *out)
{
	bool success = answer_is_success(http_status);

	if (!success || json_true(json_get(body, "error"))) {
		error_read(body, success ? 400 : http_status, a, out);
		return;
	}
	webjs_id_read(json_path(body, "key.id"), a, out);
	out->accepted = act != ACT_SEND || out->key.n > 0;
}

const struct provider_api provider_evolution = {
	.name = "evolution",
	.limits = {
		.types = WEBJS_TYPES,
		.text_characters = WEBJS_TEXT_CHARACTERS,
		.caption_characters = WEBJS_TEXT_CHARACTERS,
	},
	.response_bytes = WEBJS_ANSWER_BYTES,
	.address = address,
	.build = build,
	.read = read_answer,
};
