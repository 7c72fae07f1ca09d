/* The content of an instant campaign: header, body, footer and buttons; see private.h. With buttons, each has a part of its own in Meta's interactive
 * message; without, the texts are joined by empty lines into a text, or into the caption of the header's medium.
 *
 * Source of the limits of interactive messages: Meta, Cloud API, Interactive reply buttons. */
#include "campaign-sender/content/private.h"

#define INTERACTIVE_SHORT_CHARACTERS 60 /* header, footer */
#define INTERACTIVE_BODY_CHARACTERS  1024

static bool is_blank(struct str s)
{
	return str_trim(s).n == 0;
}

struct texts {
	struct str header, body, footer;
};

static struct texts texts_of(const struct campaign_row *d)
{
	bool has_media = d->header_type.n > 0 && !str_is(d->header_type, "text");

	return (struct texts){
		.header = has_media ? STR_NONE : d->header_text,
		.body = is_blank(d->body_text) ? d->message_content : d->body_text,
		.footer = d->footer_text,
	};
}

static void texts_compile(struct composition *c, const struct texts *t, bool choices, struct arena *a,
	struct reasons *why)
{
	bool joined = c->type != MSG_INTERACTIVE;
	size_t brief = joined ? c->max_chars : INTERACTIVE_SHORT_CHARACTERS;

	if (!is_blank(t->header))
		part_compile(&c->header, "header", t->header, choices, joined ? TEXT_MESSAGE : TEXT_TOKEN, brief, a,
			why);
	if (!is_blank(t->body))
		part_compile(&c->body, "body", t->body, choices, TEXT_MESSAGE,
			joined ? c->max_chars : INTERACTIVE_BODY_CHARACTERS, a, why);
	if (!is_blank(t->footer))
		part_compile(&c->footer, "footer", t->footer, choices, joined ? TEXT_MESSAGE : TEXT_TOKEN, brief, a,
			why);
}

static void type_set(struct composition *c, enum provider provider)
{
	const struct provider_limits *limits = limits_of_provider(provider);

	if (c->n_buttons > 0)
		c->type = MSG_INTERACTIVE;
	else
		c->type = c->header_media != MSG_NONE ? c->header_media : MSG_TEXT;
	c->max_chars = c->type == MSG_TEXT ? limits->text_characters : limits->caption_characters;
}

static void whole_check(const struct composition *c, const struct texts *t, struct reasons *why)
{
	bool any = !is_blank(t->header) || !is_blank(t->body) || !is_blank(t->footer);

	if (c->type == MSG_LOCATION && any)
		reasons_add(why, "a location cannot have a text");
	if (c->type == MSG_TEXT && !any)
		reasons_add(why, "the message has no text");
	if (c->type == MSG_INTERACTIVE && is_blank(t->body))
		reasons_add(why, "a message with buttons needs a body");
	if (c->type == MSG_INTERACTIVE && c->header_media == MSG_LOCATION)
		reasons_add(why, "a message with buttons cannot have a location as its header");
}

void instant_compile(struct composition *c, const struct campaign_row *d, enum provider provider, struct arena *a,
	struct reasons *why)
{
	struct texts texts = texts_of(d);

	media_compile(c, d, provider, a, why);
	buttons_compile(c, d, provider, a, why);
	type_set(c, provider);
	whole_check(c, &texts, why);
	texts_compile(c, &texts, provider == PROVIDER_WEBJS, a, why);
}
