/* WAHA: POST {instance}/api/sendText and its like, PUT {instance}/api/reaction. An unknown session is answered 404, one
 * that is not connected 422 {"session", "status", "expected"}. Source: https://waha.devlike.pro/docs/how-to/send-messages/ */
#include "provider/bridge.h"
#include "provider/content.h"

static const char *path_of(const struct provider_message *m)
{
	if (m->act == ACT_REACT)
		return "/api/reaction";
	if (m->act == ACT_READ)
		return "/api/sendSeen";
	switch (m->type) {
	case MSG_TEXT:
		return "/api/sendText";
	case MSG_LOCATION:
		return "/api/sendLocation";
	case MSG_IMAGE:
		return "/api/sendImage";
	case MSG_VIDEO:
		return "/api/sendVideo";
	case MSG_VOICE:
		return "/api/sendVoice";
	default:
		return "/api/sendFile"; /* audio, too, which sendVoice would show as recorded */
	}
}

/* The type is required; what it is when the message does not say. */
static struct str mime_of(const struct provider_message *m)
{
	if (m->media.mime.n > 0)
		return m->media.mime;
	switch (m->type) {
	case MSG_IMAGE:
		return STR("image/jpeg");
	case MSG_VIDEO:
		return STR("video/mp4");
	case MSG_VOICE:
		return STR("audio/ogg; codecs=opus");
	case MSG_AUDIO:
		return STR("audio/mpeg");
	default:
		return STR("application/octet-stream");
	}
}

static void file_write(struct json_writer *w, const struct provider_message *m)
{
	jw_key(w, "file");
	jw_obj(w);
	jw_member_str(w, "mimetype", mime_of(m));
	content_optional_write(w, "filename", m->media.file_name);
	jw_member_str(w, "url", m->media.url);
	jw_obj_end(w);
	content_optional_write(w, "caption", m->media.caption);
}

static void content_write(struct json_writer *w, const struct provider_message *m)
{
	const struct location *l = &m->location;

	if (m->type == MSG_TEXT) {
		jw_member_str(w, "text", m->body);
	} else if (m->type == MSG_LOCATION) {
		content_coordinates_write(w, l);
		content_text_write(w, "title", l->name.n > 0 ? l->name : l->address);
	} else {
		file_write(w, m);
	}
}

static void body_write(struct buf *out, const struct provider_account *from, const struct provider_message *m,
	struct str chat_id, struct arena *a)
{
	struct str target = m->target.key.n > 0 ? webjs_serialized(&m->target, chat_id, a) : STR_NONE;
	struct json_writer w = json_writer(out);

	jw_obj(&w);
	jw_member_str(&w, "session", from->session);
	if (m->act != ACT_REACT)
		jw_member_str(&w, "chatId", chat_id);
	if (m->act == ACT_SEND)
		content_write(&w, m);
	jw_member_str(&w, m->act == ACT_SEND ? "reply_to" : "messageId", target);
	if (m->act == ACT_READ)
		content_optional_write(&w, "participant", m->target.participant);
	if (m->act == ACT_REACT)
		content_text_write(&w, "reaction", m->emoji);
	jw_obj_end(&w);
}

static int build(const struct provider_account *from, const struct provider_message *m, int64_t now_ms, struct arena *a,
	struct provider_request *out, struct err *err)
{
	struct str chat_id;

	(void)now_ms;
	if (bridge_session_check(from, err) < 0 || webjs_chat_id(&m->to, a, &chat_id, err) < 0)
		return -1;
	if (provider_request_begin(out, m->act == ACT_REACT ? HTTP_PUT : HTTP_POST, from->base_url, err) < 0)
		return -1;
	provider_request_path(out, path_of(m));
	if (provider_request_secret(out, "x-api-key: ", from->key, err) < 0)
		return -1;
	body_write(&out->body, from, m, chat_id, a);
	provider_request_end(out);
	return 0;
}

/* The id is a string, an object (engine WEBJS), or in a Baileys key (engine NOWEB). */
static void read_answer(const json *body, int http_status, enum provider_act act, struct arena *a,
	struct provider_answer *out)
{
	struct str title = answer_text(json_get(body, "message"), PROVIDER_EXCERPT_BYTES, a);

	if (!answer_is_success(http_status)) {
		bridge_error_read(BRIDGE_WAHA, body, http_status, STR_NONE, title, a, out);
		return;
	}
	webjs_id_read(json_get(body, "id"), a, out);
	if (out->key.n == 0)
		webjs_id_read(json_path(body, "key.id"), a, out);
	out->accepted = act != ACT_SEND || out->key.n > 0;
}

const struct provider_api provider_waha = {
	.name = "waha",
	.limits = {
		.types = WEBJS_TYPES & ~(1U << MSG_STICKER),
		.text_characters = WEBJS_TEXT_CHARACTERS,
		.caption_characters = WEBJS_TEXT_CHARACTERS,
	},
	.response_bytes = WEBJS_ANSWER_BYTES,
	.address = webjs_chat_id,
	.build = build,
	.read = read_answer,
};
