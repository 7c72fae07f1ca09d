/* WAHA's messages and the events that refer to a message. Invariant: the alias comes from the engine's own data (NOWEB:
 * _data.key, GOWS: _data.Info); for messages that the account sent, only the chat's alias is used. */
#include "base/utf8.h"
#include "ingest/dialects/evolution_content.h"
#include "ingest/dialects/waha.h"

struct payload {
	const json *m, *hidden; /* _data */
	struct stanza_id id;
	struct webjs_where where;
	int64_t time_ms;
};

static struct str either(struct str first, struct str second)
{
	return first.n ? first : second;
}

static void aliases_read(struct webjs_where *where, const json *hidden)
{
	struct str chat = json_str(json_path(hidden, "key.remoteJidAlt")),
		   author = json_str(json_path(hidden, "key.participantAlt"));
	struct str sender = json_str(json_path(hidden, "Info.SenderAlt"));

	if (where->from_me)
		sender = json_str(json_path(hidden, "Info.RecipientAlt"));
	where->author_alias = either(author, where->from_me ? STR_NONE : sender);
	where->chat_alias = either(chat, sender);
}

static struct str push_name(const json *hidden)
{
	struct str name = either(json_str(json_get(hidden, "notifyName")), json_str(json_get(hidden, "pushName")));

	return either(name, json_str(json_path(hidden, "Info.PushName")));
}

static void payload_read(struct payload *out, const json *m, struct arena *a)
{
	struct webjs_where *where = &out->where;

	*out = (struct payload){ .m = m, .hidden = json_get(m, "_data") };
	out->id = stanza_id_read(json_get(m, "id"), a);
	out->time_ms = webjs_seconds_ms(json_get(m, "timestamp"));
	where->from_me = out->id.known ? out->id.from_me : json_true(json_get(m, "fromMe"));
	where->chat = out->id.chat;
	if (where->chat.n == 0)
		where->chat = waha_address(json_get(m, where->from_me ? "to" : "from"), a);
	where->author = either(waha_address(json_get(m, "participant"), a), out->id.participant);
	where->name = push_name(out->hidden);
	aliases_read(where, out->hidden);
	if (address_parse(where->chat).kind == ADDRESS_GROUP)
		where->chat_alias = STR_NONE;
}

/* The type from the engine's own data: a word with WEBJS, the protobuf message with NOWEB and GOWS. */
static enum message_type engine_type(const struct payload *p)
{
	struct str word = json_str(json_get(p->hidden, "type"));
	struct evolution_content c;

	if (word.n > 0)
		return webjs_type(word);
	c = evolution_content_read(json_get(p->hidden, json_get(p->hidden, "message") ? "message" : "Message"),
		STR_NONE);
	return c.type;
}

static enum message_type type_of(const struct payload *p)
{
	struct str mime = json_str(json_path(p->m, "media.mimetype"));
	enum message_type engine = engine_type(p);

	if (json_count(json_get(p->m, "vCards")) > 0)
		return MSG_CONTACTS;
	if (json_is_obj(json_get(p->m, "location")))
		return MSG_LOCATION;
	if (json_true(json_get(p->m, "hasMedia")))
		return webjs_is_media(engine) ? engine : webjs_mime_type(mime);
	if (json_is_obj(json_get(p->m, "poll")))
		return MSG_POLL;
	if (engine != MSG_UNKNOWN)
		return engine;
	return json_str(json_get(p->m, "body")).n > 0 ? MSG_TEXT : MSG_UNKNOWN;
}

static void fill_media(struct in_message *out, const json *m)
{
	const json *media = json_get(m, "media");

	out->media = (struct media){ .present = true, .caption = out->body };
	out->media.mime = webjs_id_text(json_str(json_get(media, "mimetype")));
	out->media.file_name = utf8_truncate(json_str(json_get(media, "filename")), WIRE_MAX_NAME_BYTES);
	out->media.url = webjs_link(json_str(json_get(media, "url")));
	out->media.missing = out->media.url.n == 0;
}

static void fill_location(struct in_message *out, const json *l)
{
	struct str name = either(json_str(json_get(l, "name")), json_str(json_get(l, "description")));

	webjs_location(&out->location, json_get(l, "latitude"), json_get(l, "longitude"));
	out->location.name = utf8_truncate(name, WIRE_MAX_NAME_BYTES);
	out->location.address = utf8_truncate(json_str(json_get(l, "address")), WIRE_MAX_LINK_BYTES);
	out->location.url = webjs_link(json_str(json_get(l, "url")));
	out->body = out->location.name;
}

static void fill_quoted(struct in_message *out, const json *reply, struct arena *a)
{
	struct stanza_id id = stanza_id_read(json_get(reply, "id"), a);
	struct str body = json_str(json_get(reply, "body"));

	if (id.stanza.n == 0 || id.serialized.n > WIRE_MAX_ID_BYTES)
		return;
	out->quoted = (struct quoted){ .present = true, .target = webjs_target(a, &id) };
	out->quoted.body = webjs_is_thumbnail(body) ? STR_NONE : body;
	webjs_party(&out->quoted.sender, waha_address(json_get(reply, "participant"), a), STR_NONE);
}

static struct str facts(const struct payload *p, enum message_type type, struct arena *a)
{
	struct str word = json_str(json_get(p->hidden, "type"));
	struct webjs_facts f;

	webjs_facts_init(&f);
	jw_member_str(&f.w, "source", json_str(json_get(p->m, "source")));
	if (type == MSG_UNKNOWN || type == MSG_SYSTEM)
		jw_member_str(&f.w, "provider_type", word);
	if (type == MSG_CONTACTS)
		webjs_facts_strings(&f, "vcards", json_get(p->m, "vCards"));
	if (type == MSG_POLL)
		webjs_facts_strings(&f, "poll_options", json_path(p->m, "poll.options"));
	webjs_facts_strings(&f, "mentions", json_get(p->m, "mentionedIds"));
	return webjs_facts_finish(&f, a);
}

static void message_fill(struct in_message *out, const struct payload *p, struct arena *a)
{
	struct str body = json_str(json_get(p->m, "body"));

	out->type = type_of(p);
	if (out->direction == DIR_OUTBOUND)
		out->status = webjs_ack(json_get(p->m, "ack"));
	if (out->type == MSG_TEXT || !webjs_is_thumbnail(body))
		out->body = body;
	if (webjs_is_media(out->type))
		fill_media(out, p->m);
	if (out->type == MSG_LOCATION)
		fill_location(out, json_get(p->m, "location"));
	if (out->type == MSG_CONTACTS)
		out->body = arena_printf(a, "%zu vcard(s)", json_count(json_get(p->m, "vCards")));
	if (out->type == MSG_POLL && out->body.n == 0)
		out->body = json_str(json_path(p->m, "poll.name"));
	fill_quoted(out, json_get(p->m, "replyTo"), a);
	out->extra = facts(p, out->type, a);
	webjs_message_key(a, out, &p->id, p->time_ms);
}

static void message_add(const struct waha *w, bool waiting)
{
	struct arena *a = w->item.in->arena;
	struct inbound_event *e;
	struct webjs_place place;
	struct payload p;

	payload_read(&p, w->payload, a);
	waiting = waiting || str_is(json_str(json_get(p.hidden, "type")), "ciphertext");
	if (!webjs_place(&w->item, &p.where, &place))
		return;
	e = intake_event(w->item.in, w->item.in->account, IN_MESSAGE);
	e->u.message = (struct in_message){ .chat = place.chat, .direction = place.direction, .sender = place.sender };
	message_fill(&e->u.message, &p, a);
	if (waiting) {
		e->u.message.type = MSG_UNKNOWN;
		e->u.message.placeholder = true;
	} else if (e->u.message.type == MSG_UNKNOWN) {
		intake_raw(w->item.in, e, w->payload);
	}
	intake_time(w->item.in, e, p.time_ms);
	webjs_add(&w->item, e, e->u.message.key, waiting ? STR("placeholder") : e->u.message.body);
}

void waha_message(const struct waha *w)
{
	message_add(w, false);
}

void waha_message_waiting(const struct waha *w)
{
	message_add(w, true);
}

void waha_reaction(const struct waha *w)
{
	const json *r = json_get(w->payload, "reaction");
	struct arena *a = w->item.in->arena;
	struct stanza_id target = stanza_id_read(json_get(r, "messageId"), a);
	struct inbound_event *e;
	struct webjs_place place;
	struct payload p;

	payload_read(&p, w->payload, a);
	if (!webjs_place(&w->item, &p.where, &place))
		return;
	e = intake_event(w->item.in, w->item.in->account, IN_REACTION);
	e->u.reaction =
		(struct in_reaction){ webjs_target(a, &target), place.chat, place.direction, place.sender, STR_NONE };
	e->u.reaction.emoji = json_str(json_get(r, "text"));
	intake_time(w->item.in, e, p.time_ms);
	webjs_add(&w->item, e, either(p.id.serialized, target.serialized), e->u.reaction.emoji);
}

void waha_ack(const struct waha *w)
{
	struct arena *a = w->item.in->arena;
	struct inbound_event *e;
	struct webjs_place place;
	struct in_status *status;
	struct payload p;

	payload_read(&p, w->payload, a);
	if (!webjs_place(&w->item, &p.where, &place))
		return;
	e = intake_event(w->item.in, w->item.in->account, IN_STATUS);
	status = &e->u.status;
	status->target = webjs_target(a, &p.id);
	status->chat = place.chat;
	status->status = webjs_ack(json_get(w->payload, "ack"));
	if (status->status == STATUS_NONE) {
		webjs_reject(&w->item, "ack must be from -1 to 4");
		return;
	}
	if (place.chat.is_group)
		webjs_party(&status->participant, waha_address(json_get(w->payload, "participant"), a), STR_NONE);
	intake_time(w->item.in, e, w->time_ms);
	webjs_add(&w->item, e, status->target.key, str_of(message_status_word(status->status)));
}

void waha_edit(const struct waha *w)
{
	struct str target = json_str(json_get(w->payload, "editedMessageId"));
	struct arena *a = w->item.in->arena;
	struct inbound_event *e;
	struct webjs_place place;
	struct payload p;

	payload_read(&p, w->payload, a);
	if (!webjs_place(&w->item, &p.where, &place))
		return;
	e = intake_event(w->item.in, w->item.in->account, IN_EDIT);
	e->u.edit = (struct in_edit){ .chat = place.chat, .direction = place.direction, .sender = place.sender };
	e->u.edit.target.stanza = either(target, p.id.stanza);
	e->u.edit.body = json_str(json_get(w->payload, "body"));
	if (json_true(json_get(w->payload, "hasMedia")))
		e->u.edit.caption_of = str_of(message_type_word(type_of(&p)));
	intake_time(w->item.in, e, p.time_ms);
	webjs_add(&w->item, e, e->u.edit.target.stanza, e->u.edit.body);
}

/* after: the revoke itself; before: the original message, which not all engines provide. */
void waha_revoke(const struct waha *w)
{
	const json *after = json_get(w->payload, "after"), *before = json_get(w->payload, "before");
	struct str target = json_str(json_get(w->payload, "revokedMessageId"));
	struct arena *a = w->item.in->arena;
	struct inbound_event *e;
	struct webjs_place place;
	struct payload p;

	payload_read(&p, json_is_obj(after) ? after : before, a);
	if (!webjs_place(&w->item, &p.where, &place))
		return;
	e = intake_event(w->item.in, w->item.in->account, IN_REVOKE);
	e->u.revoke = (struct in_revoke){ .chat = place.chat, .direction = place.direction, .sender = place.sender };
	e->u.revoke.target.stanza = either(target, stanza_id_read(json_get(before, "id"), a).stanza);
	e->u.revoke.target.stanza = either(e->u.revoke.target.stanza, p.id.stanza);
	intake_time(w->item.in, e, json_is_obj(after) && p.time_ms ? p.time_ms : w->time_ms);
	webjs_add(&w->item, e, e->u.revoke.target.stanza, STR_NONE);
}

void waha_vote(const struct waha *w)
{
	const json *vote = json_get(w->payload, "vote");
	struct arena *a = w->item.in->arena;
	struct stanza_id poll = stanza_id_read(json_path(w->payload, "poll.id"), a);
	struct inbound_event *e;
	struct webjs_place place;
	struct payload p;
	struct str options;

	payload_read(&p, vote, a);
	if (poll.chat.n > 0)
		p.where.chat = poll.chat;
	if (!webjs_place(&w->item, &p.where, &place))
		return;
	e = intake_event(w->item.in, w->item.in->account, IN_POLL_VOTE);
	e->u.poll_vote =
		(struct in_poll_vote){ webjs_target(a, &poll), place.chat, place.direction, place.sender, NULL, 0 };
	options = webjs_options(&e->u.poll_vote, json_get(vote, "selectedOptions"), a);
	intake_time(w->item.in, e, webjs_ms(json_get(vote, "timestamp")));
	webjs_add(&w->item, e, either(p.id.serialized, poll.serialized), options);
}
