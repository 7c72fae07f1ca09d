/* Meta's Cloud API: POST {base}/{version}/{phone_number_id}/messages.
 * Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/
 *
 * Meta has no idempotency key: biz_opaque_callback_data, which it repeats in each status webhook, is the only trace of
 * a message whose answer was lost. */
#include "provider/answer.h"
#include "provider/content.h"

#define CALLBACK_PREFIX "blazz:"
#define TEMPLATE_PAUSED 132015

static int address(const struct chat_ref *to, struct arena *a, struct str *out, struct err *err)
{
	struct str digits = content_digits(to->contact.phone);

	(void)a;
	if (to->is_group && to->group.jid.n > 0 && !str_ends(to->group.jid, STR("@g.us")))
		*out = to->group.jid;
	else if (!to->is_group && digits.n > 0)
		*out = digits;
	else if (!to->is_group && to->contact.bsuid.n > 0)
		*out = to->contact.bsuid;
	else
		return content_no_address("Meta", err);
	return 0;
}

static void text_write(struct json_writer *w, const struct provider_message *m)
{
	jw_obj(w);
	jw_member_str(w, "body", m->body);
	jw_obj_end(w);
}

static void media_write(struct json_writer *w, const struct provider_message *m)
{
	jw_obj(w);
	if (m->media.provider_media_id.n > 0)
		jw_member_str(w, "id", m->media.provider_media_id);
	else
		jw_member_str(w, "link", m->media.url);
	content_optional_write(w, "caption", m->media.caption);
	if (m->type == MSG_DOCUMENT)
		content_optional_write(w, "filename", m->media.file_name);
	if (m->type == MSG_VOICE)
		jw_member_bool(w, "voice", true);
	jw_obj_end(w);
}

static void location_write(struct json_writer *w, const struct provider_message *m)
{
	jw_obj(w);
	content_coordinates_write(w, &m->location);
	content_optional_write(w, "name", m->location.name);
	content_optional_write(w, "address", m->location.address);
	jw_obj_end(w);
}

static int template_write(struct json_writer *w, const struct provider_message *m, struct arena *a, struct err *err)
{
	struct str components = STR_NONE;

	if (m->template_components.n > 0 &&
		content_json(m->template_components, NULL, JSON_ARR, a, &components, err) < 0)
		return -1;
	jw_obj(w);
	jw_member_str(w, "name", m->template_name);
	jw_key(w, "language");
	jw_obj(w);
	jw_member_str(w, "code", m->template_language);
	jw_obj_end(w);
	jw_member_raw(w, "components", components);
	jw_obj_end(w);
	return 0;
}

static int extra_write(struct json_writer *w, const struct provider_message *m, struct arena *a, struct err *err)
{
	enum json_type type = m->type == MSG_CONTACTS ? JSON_ARR : JSON_OBJ;
	struct str written;

	if (content_json(m->extra, content_extra_member(m->type), type, a, &written, err) < 0)
		return -1;
	jw_raw(w, written);
	return 0;
}

static const char *type_word(const struct provider_message *m)
{
	if (m->act == ACT_REACT)
		return "reaction";
	return message_type_word(m->type == MSG_VOICE ? MSG_AUDIO : m->type);
}

static int content_write(struct json_writer *w, const struct provider_message *m, struct arena *a, struct err *err)
{
	switch (m->type) {
	case MSG_TEXT:
		text_write(w, m);
		return 0;
	case MSG_LOCATION:
		location_write(w, m);
		return 0;
	case MSG_TEMPLATE:
		return template_write(w, m, a, err);
	case MSG_CONTACTS:
	case MSG_INTERACTIVE:
		return extra_write(w, m, a, err);
	default:
		media_write(w, m);
		return 0;
	}
}

static void reaction_write(struct json_writer *w, const struct provider_message *m)
{
	jw_obj(w);
	jw_member_str(w, "message_id", m->target.key);
	content_text_write(w, "emoji", m->emoji);
	jw_obj_end(w);
}

static void recipient_write(struct json_writer *w, const struct provider_message *m, struct str to)
{
	bool bsuid = !m->to.is_group && content_digits(m->to.contact.phone).n == 0;

	jw_member_str(w, "recipient_type", m->to.is_group ? STR("group") : STR("individual"));
	jw_member_str(w, bsuid ? "recipient" : "to", to);
}

static void context_write(struct json_writer *w, struct str key)
{
	jw_key(w, "context");
	jw_obj(w);
	jw_member_str(w, "message_id", key);
	jw_obj_end(w);
}

static void callback_write(struct json_writer *w, struct str client_message_id, struct arena *a)
{
	jw_member_str(w, "biz_opaque_callback_data",
		arena_printf(a, CALLBACK_PREFIX "%.*s", STR_ARG(client_message_id)));
}

static int send_write(struct json_writer *w, const struct provider_message *m, struct arena *a, struct err *err)
{
	struct str to = STR_NONE;

	if (address(&m->to, a, &to, err) < 0)
		return -1;
	recipient_write(w, m, to);
	if (m->act == ACT_SEND && m->target.key.n > 0)
		context_write(w, m->target.key);
	jw_member_str(w, "type", str_of(type_word(m)));
	callback_write(w, m->client_message_id, a);
	jw_key(w, type_word(m));
	if (m->act == ACT_SEND)
		return content_write(w, m, a, err);
	reaction_write(w, m);
	return 0;
}

static int body_write(struct buf *out, const struct provider_message *m, struct arena *a, struct err *err)
{
	struct json_writer w = json_writer(out);

	jw_obj(&w);
	jw_member_str(&w, "messaging_product", STR("whatsapp"));
	if (m->act == ACT_READ) {
		jw_member_str(&w, "status", STR("read"));
		jw_member_str(&w, "message_id", m->target.key);
	} else if (send_write(&w, m, a, err) < 0) {
		return -1;
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
	provider_request_path(out, "/");
	if (provider_request_segment(out, from->version, "version of the Graph API", err) < 0)
		return -1;
	provider_request_path(out, "/");
	if (provider_request_segment(out, from->phone_number_id, "phone number id", err) < 0)
		return -1;
	provider_request_path(out, "/messages");
	if (provider_request_secret(out, "authorization: Bearer ", from->key, err) < 0)
		return -1;
	if (body_write(&out->body, m, a, err) < 0)
		return -1;
	provider_request_end(out);
	return 0;
}

static void error_read(const json *error, int http_status, struct arena *a, struct provider_answer *out)
{
	if (!json_to_i64(json_get(error, "code"), &out->code) || out->code < 0) {
		out->code = CODE_NONE;
		return;
	}
	answer_decide(out, code_of_answer(out->code, http_status), arena_printf(a, "%lld", (long long)out->code),
		answer_text(json_get(error, "message"), PROVIDER_EXCERPT_BYTES, a));
	out->error.details = answer_text(json_path(error, "error_data.details"), PROVIDER_EXCERPT_BYTES, a);
	json_to_i64(json_get(error, "error_subcode"), &out->subcode);
	out->trace = answer_text(json_get(error, "fbtrace_id"), WIRE_MAX_ID_BYTES, a);
}

static const json *first_of(const json *list)
{
	struct json_iter it = json_iter(json_is_arr(list) ? list : NULL);

	return json_next(&it);
}

static void read_answer(const json *body, int http_status, enum provider_act act, struct arena *a,
	struct provider_answer *out)
{
	const json *message = first_of(json_get(body, "messages"));

	out->provider_id = answer_id(json_get(message, "id"), a);
	out->key = out->provider_id;
	out->status = answer_text(json_get(message, "message_status"), WIRE_MAX_ID_BYTES, a);
	out->wa_id = answer_id(json_get(first_of(json_get(body, "contacts")), "wa_id"), a);
	out->accepted = answer_is_success(http_status) &&
		(act == ACT_READ ? json_true(json_get(body, "success")) : out->key.n > 0);
	if (out->accepted && str_is(out->status, "paused")) {
		out->code = TEMPLATE_PAUSED;
		answer_decide(out, code_of_answer(TEMPLATE_PAUSED, http_status), STR("132015"), STR_NONE);
	}
	if (!out->accepted && !out->decided)
		error_read(json_get(body, "error"), http_status, a, out);
}

const struct provider_api provider_meta = {
	.name = "meta",
	.limits = {
		.types = 1U << MSG_TEXT | 1U << MSG_IMAGE | 1U << MSG_VIDEO | 1U << MSG_AUDIO | 1U << MSG_VOICE |
			1U << MSG_DOCUMENT | 1U << MSG_STICKER | 1U << MSG_LOCATION | 1U << MSG_CONTACTS |
			1U << MSG_INTERACTIVE | 1U << MSG_TEMPLATE,
		.text_characters = 4096,
		.caption_characters = 1024,
		.media_by_id = true,
	},
	.response_bytes = SENDER_RESPONSE_BYTES,
	.address = address,
	.build = build,
	.read = read_answer,
};
