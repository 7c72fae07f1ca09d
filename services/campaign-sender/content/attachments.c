/* The medium or location in the header of an instant campaign, and its buttons; see private.h. Both are JSON, written by gateway and blazzctl:
 *
 *   header_media   {"link": "https://…", "id": "…", "filename": "…", "mime": "…"}, where link may contain variables and id is a medium that was
 *                  uploaded to Meta; of a location {"latitude": -6.2, "longitude": 106.8, "name": "…", "address": "…"}
 *   buttons_data   [{"type": "quick_reply", "text": "Yes", "id": "yes"}, …], at most three; or [{"type": "url", "text": "Shop", "url": "https://…"}].
 *                  text and url may contain variables; without an id a reply has its text.
 */
#include "campaign-sender/content/private.h"

#include <math.h>

#include "base/utf8.h"
#include "message/word.h"

#define LINK_CHARACTERS         2048
#define BUTTON_TITLE_CHARACTERS 20
#define BUTTON_ID_CHARACTERS    256

static bool is_web_url(struct str url)
{
	return str_starts(url, STR("https://")) || str_starts(url, STR("http://"));
}

/* Variables may only follow the scheme. */
static void link_compile(struct part *out, const char *name, struct str source, struct arena *a, struct reasons *why)
{
	if (!is_web_url(source))
		reasons_add(why, "%s: it does not begin with https:// or http://", name);
	else
		part_compile(out, name, source, false, TEXT_TOKEN, LINK_CHARACTERS, a, why);
}

static struct str text_of(const json *object, const char *member, size_t max_bytes, struct arena *a)
{
	return arena_str(a, utf8_truncate(json_str(json_get(object, member)), max_bytes));
}

static void medium_read(struct composition *c, const json *v, const struct provider_limits *limits, struct arena *a,
	struct reasons *why)
{
	struct str link = json_str(json_get(v, "link"));

	c->media = (struct media){
		.present = true,
		.mime = text_of(v, "mime", WIRE_MAX_ID_BYTES, a),
		.file_name = text_of(v, "filename", WIRE_MAX_NAME_BYTES, a),
	};
	if (limits->media_by_id)
		c->media.provider_media_id = text_of(v, "id", WIRE_MAX_ID_BYTES, a);
	if (c->media.provider_media_id.n > 0)
		return;
	if (link.n == 0)
		reasons_add(why, "header: the medium has no link%s", limits->media_by_id ? " and no id" : "");
	else
		link_compile(&c->link, "link of the header", link, a, why);
}

static void location_read(struct composition *c, const json *v, struct arena *a, struct reasons *why)
{
	struct location *l = &c->location;

	l->present = true;
	l->name = text_of(v, "name", WIRE_MAX_NAME_BYTES, a);
	l->address = text_of(v, "address", WIRE_MAX_LINK_BYTES, a);
	if (!json_to_f64(json_get(v, "latitude"), &l->latitude) ||
		!json_to_f64(json_get(v, "longitude"), &l->longitude) || !(fabs(l->latitude) <= 90) ||
		!(fabs(l->longitude) <= 180))
		reasons_add(why, "header: latitude and longitude are missing or not on Earth");
}

static enum message_type header_type_of(struct str word)
{
	static const enum message_type types[] = { MSG_IMAGE, MSG_VIDEO, MSG_DOCUMENT, MSG_LOCATION };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (str_is(word, message_type_word(types[i])))
			return types[i];
	return MSG_NONE;
}

void media_compile(struct composition *c, const struct campaign_row *d, enum provider provider, struct arena *a,
	struct reasons *why)
{
	struct json_doc *doc = NULL;

	c->header_media = header_type_of(d->header_type);
	if (c->header_media == MSG_NONE)
		return;
	if (json_parse(&doc, d->header_media, NULL) < 0 || !json_is_obj(json_root(doc)))
		reasons_add(why, "header: header_media is not a JSON object");
	else if (c->header_media == MSG_LOCATION)
		location_read(c, json_root(doc), a, why);
	else
		medium_read(c, json_root(doc), limits_of_provider(provider), a, why);
	json_free(doc);
}

/* *is_url: it opens a page. */
static void button_read(struct composed_button *b, const json *v, size_t i, bool *is_url, struct arena *a,
	struct reasons *why)
{
	struct str type = json_str(json_get(v, "type"));
	const char *name = arena_printf(a, "button %zu", i + 1).p;

	*is_url = word_is(type, "url");
	if (!*is_url && !word_is(type, "quick_reply"))
		reasons_add(why, "%s: type is neither quick_reply nor url", name);
	part_compile(&b->title, name, json_str(json_get(v, "text")), false, TEXT_TOKEN, BUTTON_TITLE_CHARACTERS, a,
		why);
	if (*is_url) {
		link_compile(&b->url, name, json_str(json_get(v, "url")), a, why);
		return;
	}
	b->id = arena_str(a, json_str(json_get(v, "id")));
	if (utf8_length(b->id) > BUTTON_ID_CHARACTERS)
		reasons_add(why, "%s: id is longer than %d characters", name, BUTTON_ID_CHARACTERS);
}

static void buttons_read(struct composition *c, const json *list, struct arena *a, struct reasons *why)
{
	struct json_iter it = json_iter(list);
	size_t pages = 0;
	const json *v;

	while (c->n_buttons < COMPOSITION_BUTTONS && (v = json_next(&it))) {
		bool is_url;

		button_read(&c->buttons[c->n_buttons], v, c->n_buttons, &is_url, a, why);
		c->n_buttons++;
		pages += is_url;
	}
	if (json_count(list) > COMPOSITION_BUTTONS)
		reasons_add(why, "there are more than %d buttons", COMPOSITION_BUTTONS);
	if (pages > 0 && c->n_buttons > 1)
		reasons_add(why, "a button that opens a page must be the only one");
}

void buttons_compile(struct composition *c, const struct campaign_row *d, enum provider provider, struct arena *a,
	struct reasons *why)
{
	struct json_doc *doc = NULL;

	if (d->buttons_data.n == 0 || str_is(d->buttons_data, "null"))
		return;
	if (json_parse(&doc, d->buttons_data, NULL) < 0 || !json_is_arr(json_root(doc)))
		reasons_add(why, "buttons_data is not a JSON array");
	else if (json_count(json_root(doc)) > 0 && provider != PROVIDER_META)
		reasons_add(why, "buttons can be sent through Meta only");
	else
		buttons_read(c, json_root(doc), a, why);
	json_free(doc);
}
