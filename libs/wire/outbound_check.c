/* Which fields SendMessage and CampaignCommand require. Lengths, formats and ranges of single fields are checked by the
 * tables (outbound_shapes.c). Invariant: a message that passes has exactly the content of its type. */
#include "wire/send_record.h"
#include "wire/shapes.h"
#include "json/json.h"

static const enum send_content content_of_type[] = {
	[MSG_TEXT] = CONTENT_BODY,
	[MSG_IMAGE] = CONTENT_MEDIA,
	[MSG_VIDEO] = CONTENT_MEDIA,
	[MSG_AUDIO] = CONTENT_MEDIA,
	[MSG_VOICE] = CONTENT_MEDIA,
	[MSG_DOCUMENT] = CONTENT_MEDIA,
	[MSG_STICKER] = CONTENT_MEDIA,
	[MSG_LOCATION] = CONTENT_LOCATION,
	[MSG_CONTACTS] = CONTENT_EXTRA,
	[MSG_INTERACTIVE] = CONTENT_EXTRA,
	[MSG_TEMPLATE] = CONTENT_TEMPLATE,
};

enum send_content send_content_of(const struct send_message *m)
{
	if (m->kind == SEND_REACTION)
		return CONTENT_EMOJI;
	if (m->kind != SEND_MESSAGE || (size_t)m->type >= sizeof(content_of_type) / sizeof(*content_of_type))
		return CONTENT_NONE;
	return content_of_type[m->type];
}

static int need(bool there, const char *what, struct err *err)
{
	return there ? 0 : err_reject(err, DEAD_RULE, "no %s", what);
}

static unsigned content_found(const struct send_record *r)
{
	return (r->body.n > 0 ? CONTENT_BODY : 0U) | (r->media.present ? CONTENT_MEDIA : 0U) |
		(r->location.present ? CONTENT_LOCATION : 0U) | (r->template.present ? CONTENT_TEMPLATE : 0U) |
		(r->extra.n > 0 ? CONTENT_EXTRA : 0U) | (r->emoji.n > 0 ? CONTENT_EMOJI : 0U);
}

/* Meta has an object for buttons, lists and flows, and a list for contact cards. */
static bool extra_has(struct str extra, enum message_type type)
{
	struct json_doc *doc = NULL;
	bool has = false;

	if (json_parse(&doc, extra, NULL) < 0)
		return false;
	if (type == MSG_CONTACTS)
		has = json_is_arr(json_get(json_root(doc), "contacts")) &&
			json_count(json_get(json_root(doc), "contacts")) > 0;
	else
		has = json_is_obj(json_get(json_root(doc), "interactive"));
	json_free(doc);
	return has;
}

static int content_complete(const struct send_record *r, enum send_content content, struct err *err)
{
	switch (content) {
	case CONTENT_MEDIA:
		return need(r->media.url.n > 0 || r->media.provider_media_id.n > 0, "url or provider_media_id", err);
	case CONTENT_TEMPLATE:
		if (need(r->template.name.n > 0, "name of the template", err) < 0)
			return -1;
		return need(r->template.language.n > 0, "language of the template", err);
	case CONTENT_EXTRA:
		return need(extra_has(r->extra, r->message.type),
			r->message.type == MSG_CONTACTS ? "contacts in extra" : "interactive in extra", err);
	case CONTENT_NONE:
	case CONTENT_BODY:
	case CONTENT_LOCATION:
	case CONTENT_EMOJI:
		return 0;
	}
	return 0;
}

static int message_check(const struct send_record *r, struct err *err)
{
	enum send_content content = send_content_of(&r->message);
	unsigned found = content_found(r);

	if (need(r->message.type != MSG_NONE, "type", err) < 0)
		return -1;
	if (content == CONTENT_NONE)
		return err_reject(err, DEAD_UNSUPPORTED, "a type that cannot be sent");
	if (need((found & content) != 0, "content", err) < 0)
		return -1;
	if (found != content)
		return err_reject(err, DEAD_RULE, "content of another type");
	return content_complete(r, content, err);
}

static int kind_check(const struct send_record *r, struct err *err)
{
	const struct send_message *m = &r->message;

	if (m->kind == SEND_MESSAGE)
		return message_check(r, err);
	if (m->type != MSG_NONE || (content_found(r) & ~(unsigned)send_content_of(m)) != 0)
		return err_reject(err, DEAD_RULE, "content of a message in a %s", send_kind_word(m->kind));
	return need(m->reply_to.key.n > 0 || m->reply_to.stanza.n > 0, "reply_to", err);
}

int send_record_check(const struct send_record *r, struct err *err)
{
	const struct send_message *m = &r->message;

	if (shape_check(&send_record_shape, r, err) < 0)
		return -1;
	if (need(!uuid_is_nil(&m->request), "request_id", err) < 0 ||
		need(!uuid_is_nil(&m->workspace), "workspace_id", err) < 0 ||
		need(m->requested_at_ms > 0, "requested_at_ms", err) < 0)
		return -1;
	if (need(!uuid_is_nil(&m->contact) || chat_known(&m->chat), "recipient", err) < 0)
		return -1;
	return kind_check(r, err);
}

int campaign_command_check(const struct campaign_command *c, struct err *err)
{
	if (shape_check(&campaign_command_shape, c, err) < 0)
		return -1;
	if (need(!uuid_is_nil(&c->request), "request_id", err) < 0 ||
		need(!uuid_is_nil(&c->workspace), "workspace_id", err) < 0 ||
		need(!uuid_is_nil(&c->campaign), "campaign_id", err) < 0)
		return -1;
	if (need(c->action != CAMPAIGN_NONE, "action", err) < 0)
		return -1;
	return need(c->requested_at_ms > 0, "requested_at_ms", err);
}
