/* wwebjs-api: POST {instance}/client/sendMessage/{session} and its like. An unknown session, and one that is not
 * connected, is answered 404. Source: wwebjs-api, src/controllers; whatsapp-web.js, MessageSendOptions. */
#include "provider/bridge.h"
#include "provider/content.h"

static const char *path_of(enum provider_act act)
{
	static const char *const paths[] = {
		[ACT_SEND] = "/client/sendMessage/",
		[ACT_REACT] = "/message/react/",
		[ACT_READ] = "/client/sendSeen/",
	};

	return paths[act];
}

static void location_write(struct json_writer *w, const struct location *l)
{
	jw_member_str(w, "contentType", STR("Location"));
	jw_key(w, "content");
	jw_obj(w);
	content_coordinates_write(w, l);
	content_optional_write(w, "description", l->name.n > 0 ? l->name : l->address);
	jw_obj_end(w);
}

static void media_write(struct json_writer *w, const struct media *media)
{
	jw_member_str(w, "contentType", STR("MessageMediaFromURL"));
	jw_member_str(w, "content", media->url);
	if (media->file_name.n == 0)
		return;
	jw_key(w, "mediaFromURLOptions");
	jw_obj(w);
	jw_member_str(w, "filename", media->file_name);
	jw_obj_end(w);
}

static void content_write(struct json_writer *w, const struct provider_message *m)
{
	switch (m->type) {
	case MSG_TEXT:
		jw_member_str(w, "contentType", STR("string"));
		jw_member_str(w, "content", m->body);
		break;
	case MSG_LOCATION:
		location_write(w, &m->location);
		break;
	default:
		media_write(w, &m->media);
	}
}

/* How a medium is shown, which otherwise follows from its MIME type. */
static const char *show_option(enum message_type type)
{
	switch (type) {
	case MSG_VOICE:
		return "sendAudioAsVoice";
	case MSG_DOCUMENT:
		return "sendMediaAsDocument";
	case MSG_STICKER:
		return "sendMediaAsSticker";
	default:
		return NULL;
	}
}

static void options_write(struct json_writer *w, const struct provider_message *m, struct str quoted)
{
	const char *show = show_option(m->type);

	if (m->media.caption.n == 0 && !show && quoted.n == 0)
		return;
	jw_key(w, "options");
	jw_obj(w);
	content_optional_write(w, "caption", m->media.caption);
	if (show)
		jw_member_bool(w, show, true);
	content_optional_write(w, "quotedMessageId", quoted);
	jw_obj_end(w);
}

static int body_write(struct buf *out, const struct provider_message *m, struct arena *a, struct err *err)
{
	struct json_writer w = json_writer(out);
	struct str chat_id;

	if (webjs_chat_id(&m->to, a, &chat_id, err) < 0)
		return -1;
	jw_obj(&w);
	jw_member_str(&w, "chatId", chat_id);
	if (m->act == ACT_REACT) {
		jw_member_str(&w, "messageId", webjs_stanza(&m->target));
		content_text_write(&w, "reaction", m->emoji);
	}
	if (m->act == ACT_SEND) {
		content_write(&w, m);
		options_write(&w, m, m->target.key.n > 0 ? webjs_serialized(&m->target, chat_id, a) : STR_NONE);
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
	provider_request_path(out, path_of(m->act));
	if (bridge_session_path(out, from, err) < 0)
		return -1;
	if (provider_request_secret(out, "x-api-key: ", from->key, err) < 0 || body_write(&out->body, m, a, err) < 0)
		return -1;
	provider_request_end(out);
	return 0;
}

/* It also rejects with status 200 and "success": false. */
static void read_answer(const json *body, int http_status, enum provider_act act, struct arena *a,
	struct provider_answer *out)
{
	struct str title = answer_text(json_get(body, "error"), PROVIDER_EXCERPT_BYTES, a);
	bool status_ok = answer_is_success(http_status), success;
	bool refused = json_to_bool(json_get(body, "success"), &success) && !success;

	if (!status_ok || refused) {
		bridge_error_read(BRIDGE_WWEBJS, body, status_ok ? 400 : http_status, STR_NONE, title, a, out);
		return;
	}
	webjs_id_read(json_path(body, "message.id"), a, out);
	out->accepted = act != ACT_SEND || out->key.n > 0;
}

const struct provider_api provider_wwebjs = {
	.name = "wwebjs",
	.limits = {
		.types = WEBJS_TYPES,
		.text_characters = WEBJS_TEXT_CHARACTERS,
		.caption_characters = WEBJS_TEXT_CHARACTERS,
	},
	.response_bytes = WEBJS_ANSWER_BYTES,
	.address = webjs_chat_id,
	.build = build,
	.read = read_answer,
};
