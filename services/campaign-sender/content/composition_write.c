/* A campaign's message for one recipient; see composition.h. Invariant: `out` is changed only when the whole message was written. */
#include <assert.h>
#include <string.h>

#include "base/utf8.h"
#include "campaign-sender/content/outgoing.h"
#include "campaign-sender/content/private.h"
#include "json/writer.h"

struct writer {
	const struct composition *c;
	struct values values;
	uint64_t random;
	struct arena *arena;
	enum composed result; /* the first failure */
	struct str missing;
};

static void fail(struct writer *w, enum text_outcome outcome, struct str missing)
{
	if (w->result != COMPOSED || outcome == TEXT_WRITTEN)
		return;
	w->result = outcome == TEXT_MISSING ? COMPOSED_MISSING_VARIABLE : COMPOSED_TOO_LONG;
	w->missing = outcome == TEXT_MISSING ? missing : STR_NONE;
}

/* Absent when the content has no such part. */
static struct str part_write(struct writer *w, const struct part *p)
{
	struct buf out = BUF_INIT;
	struct str written, missing = STR_NONE;

	if (!p->name)
		return STR_NONE;
	w->random++; /* the parts choose independently */
	fail(w, text_write(&p->text, &w->values, p->form, p->max_chars, w->random, &out, &missing), missing);
	written = arena_str(w->arena, buf_str(&out));
	buf_fini(&out);
	return written;
}

static struct str joined_write(struct writer *w)
{
	const struct part *parts[] = { &w->c->header, &w->c->body, &w->c->footer };
	struct buf out = BUF_INIT;
	struct str written = STR_NONE;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct str part = part_write(w, parts[i]);

		if (part.n > 0 && out.n > 0)
			buf_add_str(&out, STR("\n\n"));
		buf_add_str(&out, part);
	}
	if (out.n > 0)
		written = arena_str(w->arena, buf_str(&out));
	buf_fini(&out);
	if (written.n > 0 && utf8_length(written) > w->c->max_chars)
		fail(w, TEXT_TOO_LONG, STR_NONE);
	return written;
}

static struct media media_write(struct writer *w)
{
	struct media media = w->c->media;

	media.url = part_write(w, &w->c->link);
	return media;
}

static void object_write(struct json_writer *j, const char *member, const char *name, struct str value)
{
	jw_key(j, member);
	jw_obj(j);
	jw_member_str(j, name, value);
	jw_obj_end(j);
}

static void header_media_write(struct writer *w, struct json_writer *j)
{
	const char *type = message_type_word(w->c->header_media);
	struct media media = media_write(w);

	jw_member_str(j, "type", str_of(type));
	jw_key(j, type);
	jw_obj(j);
	if (media.provider_media_id.n > 0)
		jw_member_str(j, "id", media.provider_media_id);
	else
		jw_member_str(j, "link", media.url);
	if (w->c->header_media == MSG_DOCUMENT && media.file_name.n > 0)
		jw_member_str(j, "filename", media.file_name);
	jw_obj_end(j);
}

static void header_write(struct writer *w, struct json_writer *j)
{
	if (w->c->header_media == MSG_NONE && !w->c->header.name)
		return;
	jw_key(j, "header");
	jw_obj(j);
	if (w->c->header_media != MSG_NONE) {
		header_media_write(w, j);
	} else {
		jw_member_str(j, "type", STR("text"));
		jw_member_str(j, "text", part_write(w, &w->c->header));
	}
	jw_obj_end(j);
}

static void reply_write(struct writer *w, struct json_writer *j, const struct composed_button *b)
{
	struct str title = part_write(w, &b->title);

	jw_obj(j);
	jw_member_str(j, "type", STR("reply"));
	jw_key(j, "reply");
	jw_obj(j);
	jw_member_str(j, "id", b->id.n > 0 ? b->id : title);
	jw_member_str(j, "title", title);
	jw_obj_end(j);
	jw_obj_end(j);
}

static void page_write(struct writer *w, struct json_writer *j, const struct composed_button *b)
{
	jw_member_str(j, "name", STR("cta_url"));
	jw_key(j, "parameters");
	jw_obj(j);
	jw_member_str(j, "display_text", part_write(w, &b->title));
	jw_member_str(j, "url", part_write(w, &b->url));
	jw_obj_end(j);
}

static void action_write(struct writer *w, struct json_writer *j)
{
	jw_key(j, "action");
	jw_obj(j);
	if (w->c->buttons[0].url.name) {
		page_write(w, j, &w->c->buttons[0]);
	} else {
		jw_key(j, "buttons");
		jw_arr(j);
		for (size_t i = 0; i < w->c->n_buttons; i++)
			reply_write(w, j, &w->c->buttons[i]);
		jw_arr_end(j);
	}
	jw_obj_end(j);
}

/* Source: Meta, Cloud API, Interactive reply buttons; Interactive call-to-action URL button. */
static struct str interactive_write(struct writer *w)
{
	struct buf out = BUF_INIT;
	struct json_writer j = json_writer(&out);
	struct str written;

	jw_obj(&j);
	jw_key(&j, "interactive");
	jw_obj(&j);
	jw_member_str(&j, "type", w->c->buttons[0].url.name ? STR("cta_url") : STR("button"));
	header_write(w, &j);
	object_write(&j, "body", "text", part_write(w, &w->c->body));
	if (w->c->footer.name)
		object_write(&j, "footer", "text", part_write(w, &w->c->footer));
	action_write(w, &j);
	jw_obj_end(&j);
	jw_obj_end(&j);
	written = arena_str(w->arena, buf_str(&out));
	buf_fini(&out);
	return written;
}

static struct send_template template_write(struct writer *w)
{
	struct send_template t = w->c->template;
	struct buf out = BUF_INIT;
	struct str missing = STR_NONE;

	fail(w, parameters_write(&w->c->parameters, &w->values, &out, &missing), missing);
	if (w->c->parameters.n > 0)
		t.components = arena_str(w->arena, buf_str(&out));
	buf_fini(&out);
	return t;
}

static void content_write(struct writer *w, struct send_message *m)
{
	switch (m->type) {
	case MSG_TEMPLATE:
		m->u.template = template_write(w);
		break;
	case MSG_INTERACTIVE:
		m->u.extra = interactive_write(w);
		break;
	case MSG_LOCATION:
		m->u.location = w->c->location;
		break;
	case MSG_TEXT:
		m->u.text = joined_write(w);
		break;
	default:
		m->u.media = media_write(w);
		m->u.media.caption = joined_write(w);
		break;
	}
}

/* The number as imported ("+62 812-34"), without what is between its digits; absent when it is none of international format. */
static struct str number_of(struct str dialled, struct arena *a)
{
	char *out = arena_alloc(a, dialled.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < dialled.n; i++) {
		char c = dialled.p[i];

		if ((c >= '0' && c <= '9') || (c == '+' && n == 0))
			out[n++] = c;
		else if (!strchr(" -.()/", c))
			return STR_NONE;
	}
	return n > 1 && out[0] != '0' ? (struct str){ out, n } : STR_NONE;
}

static struct chat_ref recipient_of(const struct audience_member *member, struct arena *a)
{
	struct str number = number_of(member->dialled, a);
	struct chat_ref chat = { .contact = { .phone = number } };

	if (number.n == 0)
		address_chat(member->address, &chat);
	return chat;
}

static struct values values_of(const struct composition *c, const struct audience_member *member,
	const struct chat_ref *to, const struct json_doc *variables)
{
	return (struct values){
		.first_name = member->first_name,
		.last_name = member->last_name,
		.full_name = member->full_name,
		.phone = to->contact.phone,
		.campaign_name = c->campaign_name,
		.vars = variables ? json_root(variables) : NULL,
	};
}

static enum composed message_write(struct writer *w, const struct chat_ref *to, struct buf *out)
{
	struct send_message m = {
		.request = w->c->request,
		.workspace = w->c->workspace,
		.chat = *to,
		.type = w->c->type,
		.requested_at_ms = w->c->requested_at_ms,
	};

	content_write(w, &m);
	if (w->result != COMPOSED)
		return w->result;
	return send_message_encode(&m, out, NULL) == 0 ? COMPOSED : COMPOSED_TOO_LONG;
}

enum composed composition_write(const struct composition *c, const struct audience_member *member,
	enum provider provider, uint64_t random, struct arena *a, struct buf *out, struct str *missing)
{
	struct writer w = { .c = c, .random = random, .arena = a, .result = COMPOSED };
	struct chat_ref to = recipient_of(member, a);
	struct json_doc *variables = NULL;
	enum composed result;

	assert(provider == c->provider);
	if (c->uses_vars && json_parse(&variables, member->variables, NULL) < 0)
		variables = NULL;
	w.values = values_of(c, member, &to, variables);
	result = message_write(&w, &to, out);
	if (result == COMPOSED_MISSING_VARIABLE)
		*missing = w.missing;
	json_free(variables);
	return result;
}
