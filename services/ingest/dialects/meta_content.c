/* The content of Meta's messages, by type. Invariant: content without a field of its own is kept, in extra or as raw;
 * an invalid or missing part is left out, and the message is still accepted.
 */
#include <math.h>

#include "base/utf8.h"
#include "ingest/dialects/meta.h"
#include "json/writer.h"

typedef void content_reader(struct arena *a, const json *part, struct in_message *m);

static void text_read(struct arena *a, const json *part, struct in_message *m)
{
	(void)a;
	m->body = json_str(json_get(part, "body"));
}

static void media_read(struct arena *a, const json *part, struct in_message *m)
{
	m->media = (struct media){
		.present = true,
		.provider_media_id = meta_id(json_get(part, "id"), a),
		.mime = meta_id(json_get(part, "mime_type"), a),
		.file_name = meta_name(json_get(part, "filename")),
		.sha256 = meta_id(json_get(part, "sha256"), a),
		.url = meta_link(json_get(part, "url")),
		.caption = json_str(json_get(part, "caption")),
	};
	m->media.missing = m->media.provider_media_id.n == 0 && m->media.url.n == 0;
	m->body = m->media.caption;
}

static void audio_read(struct arena *a, const json *part, struct in_message *m)
{
	media_read(a, part, m);
	if (json_true(json_get(part, "voice")))
		m->type = MSG_VOICE;
}

static bool degrees(const json *v, double most, double *out)
{
	return json_to_f64(v, out) && fabs(*out) <= most;
}

static void location_read(struct arena *a, const json *part, struct in_message *m)
{
	const json *latitude = json_get(part, "latitude"), *longitude = json_get(part, "longitude");
	struct location l = { .name = meta_name(json_get(part, "name")) };

	l.address = meta_link(json_get(part, "address"));
	l.url = meta_link(json_get(part, "url"));
	l.present = degrees(latitude, 90, &l.latitude) && degrees(longitude, 180, &l.longitude);
	m->body = l.name;
	if (!l.present)
		return;
	m->location = l;
	if (m->body.n == 0)
		m->body =
			arena_printf(a, "%.*s,%.*s", STR_ARG(json_text(latitude, a)), STR_ARG(json_text(longitude, a)));
}

/* The body is the names on the contact cards. */
static void contacts_read(struct arena *a, const json *part, struct in_message *m)
{
	struct json_iter it = json_iter(part);
	struct buf names = BUF_INIT;
	const json *card;

	while ((card = json_next(&it))) {
		struct str name = json_str(json_path(card, "name.formatted_name"));

		if (name.n == 0)
			continue;
		if (names.n > 0)
			buf_add_str(&names, STR(", "));
		buf_add_str(&names, name);
	}
	m->body = arena_str(a, utf8_truncate(buf_str(&names), WIRE_MAX_BODY_BYTES));
	buf_fini(&names);
}

static void interactive_read(struct arena *a, const json *part, struct in_message *m)
{
	static const char *const texts[] = { "button_reply.title", "list_reply.title", "nfm_reply.body",
		"nfm_reply.name", "call_permission_reply.response" };

	(void)a;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && m->body.n == 0; i++)
		m->body = json_str(json_path(part, texts[i]));
}

static void button_read(struct arena *a, const json *part, struct in_message *m)
{
	(void)a;
	m->body = json_str(json_get(part, "text"));
}

static void order_read(struct arena *a, const json *part, struct in_message *m)
{
	(void)a;
	m->body = json_str(json_get(part, "text"));
}

static void system_read(struct arena *a, const json *part, struct in_message *m)
{
	(void)a;
	m->body = json_str(json_get(part, "body"));
}

static const struct content {
	const char *word;
	enum message_type type;
	content_reader *read;
} contents[] = {
	{ "text", MSG_TEXT, text_read },
	{ "image", MSG_IMAGE, media_read },
	{ "video", MSG_VIDEO, media_read },
	{ "document", MSG_DOCUMENT, media_read },
	{ "sticker", MSG_STICKER, media_read },
	{ "audio", MSG_AUDIO, audio_read },
	{ "location", MSG_LOCATION, location_read },
	{ "contacts", MSG_CONTACTS, contacts_read },
	{ "interactive", MSG_INTERACTIVE, interactive_read },
	{ "button", MSG_INTERACTIVE, button_read },
	{ "order", MSG_ORDER, order_read },
	{ "system", MSG_SYSTEM, system_read },
};

/* A message announced without its content, which may follow under the same id. */
static bool is_placeholder(struct str type)
{
	static const char *const words[] = { "unsupported", "media_placeholder", "errors", "unknown" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_is(type, words[i]))
			return true;
	return false;
}

bool meta_content(struct meta_item *it, const json *holder, struct in_message *m)
{
	struct str type = json_str(json_get(holder, "type"));

	m->type = MSG_UNKNOWN;
	m->placeholder = is_placeholder(type);
	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		const json *part = json_get(holder, contents[i].word);

		if (!str_is(type, contents[i].word) || !part)
			continue;
		m->type = contents[i].type;
		contents[i].read(it->change->in->arena, part, m);
		return true;
	}
	return false;
}

static void context_write(struct json_writer *w, const struct meta_item *it)
{
	static const char *const flags[] = { "forwarded", "frequently_forwarded" };
	const json *context = json_get(it->v, "context");

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (json_true(json_get(context, flags[i])))
			jw_member_bool(w, flags[i], true);
	jw_member_raw(w, "referred_product", intake_json(it->change->in, json_get(context, "referred_product")));
}

struct str meta_extra(struct meta_item *it, bool *too_large)
{
	static const char *const members[] = { "referral", "contacts", "interactive", "button", "order", "system",
		"unsupported", "errors", "from_parent_user_id" };
	struct intake *in = it->change->in;
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);
	struct str text = STR_NONE;

	jw_obj(&w);
	if (str_is(it->change->field, "standby"))
		jw_member_bool(&w, "standby", true);
	if (json_true(json_path(it->v, "sticker.animated")))
		jw_member_bool(&w, "animated", true);
	context_write(&w, it);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		jw_member_raw(&w, members[i], intake_json(in, json_get(it->v, members[i])));
	jw_obj_end(&w);
	*too_large = out.n > WIRE_MAX_JSON_BYTES;
	if (out.n > 2 && !*too_large)
		text = arena_str(in->arena, buf_str(&out));
	buf_fini(&out);
	return text;
}
