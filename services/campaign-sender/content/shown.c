/* What the inbox shows of a message that was sent; see outgoing.h. The body is what ingest makes of the same content (services/ingest/dialects), so
 * that a message and its echo look alike. */
#include "base/utf8.h"
#include "campaign-sender/content/outgoing.h"
#include "message/parameters.h"
#include "provider/content.h"
#include "json/writer.h"

static void paragraph_add(struct buf *out, struct str text)
{
	if (text.n == 0)
		return;
	if (out->n > 0)
		buf_add_str(out, STR("\n\n"));
	buf_add_str(out, text);
}

static void template_part_add(const struct parameters *p, const struct template_text *t, enum component_kind part,
	struct buf *out)
{
	const struct values none = { .vars = NULL };
	struct buf text = BUF_INIT;

	parameters_show(p, t, part, &none, &text);
	paragraph_add(out, buf_str(&text));
	buf_fini(&text);
}

/* Absent when the template or its parameters cannot be read. */
static struct str template_text_of(const struct send_template *m, const struct sending_template *t, struct arena *a)
{
	struct buf out = BUF_INIT;
	struct parameters *p = ARENA_NEW(a, struct parameters);
	struct reasons *why = ARENA_NEW(a, struct reasons);
	struct str text;

	if (!t || !t->parsed)
		return STR_NONE;
	reasons_init(why, a);
	if (parameters_parse(p, m->components, false, a, why) < 0)
		return STR_NONE;
	if (t->parsed->header == HEADER_TEXT)
		template_part_add(p, &t->parsed->header_text, COMPONENT_HEADER, &out);
	template_part_add(p, &t->parsed->body, COMPONENT_BODY, &out);
	paragraph_add(&out, t->parsed->footer);
	text = out.n > 0 ? arena_str(a, buf_str(&out)) : STR_NONE;
	buf_fini(&out);
	return text;
}

static struct str template_extra(const struct send_template *m, struct arena *a)
{
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);
	struct str extra;

	jw_obj(&w);
	jw_key(&w, "template");
	jw_obj(&w);
	jw_member_str(&w, "name", m->name);
	jw_member_str(&w, "language", m->language);
	jw_obj_end(&w);
	jw_obj_end(&w);
	extra = arena_str(a, buf_str(&out));
	buf_fini(&out);
	return extra;
}

static struct str location_text(const struct location *l, struct arena *a)
{
	return l->name.n > 0 ? l->name : arena_printf(a, "%.7g,%.7g", l->latitude, l->longitude);
}

static void names_add(const json *contacts, struct buf *out)
{
	struct json_iter it = json_iter(contacts);
	const json *card;

	while ((card = json_next(&it))) {
		struct str name = json_str(json_path(card, "name.formatted_name"));

		if (name.n > 0 && out->n > 0)
			buf_add_str(out, STR(", "));
		buf_add_str(out, name);
	}
}

/* The text of an interactive message, or the names on contact cards. */
static struct str extra_text(const struct send_message *m, struct arena *a)
{
	struct json_doc *doc = NULL;
	struct buf out = BUF_INIT;
	struct str text = STR_NONE;

	if (json_parse(&doc, m->u.extra, NULL) < 0)
		return STR_NONE;
	if (m->type == MSG_CONTACTS)
		names_add(json_get(json_root(doc), "contacts"), &out);
	else
		buf_add_str(&out, json_str(json_path(json_root(doc), "interactive.body.text")));
	if (out.n > 0)
		text = arena_str(a, utf8_truncate(buf_str(&out), WIRE_MAX_BODY_BYTES));
	buf_fini(&out);
	json_free(doc);
	return text;
}

void outgoing_shown(const struct send_message *m, const struct sending_template *t, struct arena *a, struct shown *out)
{
	*out = (struct shown){ .type = m->type };
	if (content_is_media(m->type)) {
		out->media = m->u.media;
		out->body = m->u.media.caption;
		return;
	}
	switch (m->type) {
	case MSG_TEXT:
		out->body = m->u.text;
		break;
	case MSG_LOCATION:
		out->location = m->u.location;
		out->body = location_text(&m->u.location, a);
		break;
	case MSG_TEMPLATE:
		out->body = template_text_of(&m->u.template, t, a);
		out->extra = template_extra(&m->u.template, a);
		break;
	case MSG_CONTACTS:
	case MSG_INTERACTIVE:
		out->body = extra_text(m, a);
		out->extra = m->u.extra;
		break;
	default:
		break;
	}
}
