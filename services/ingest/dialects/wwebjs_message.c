/* whatsapp-web.js's Message and the events that refer to one. Invariant: a thumbnail never becomes text, and a
 * message gives the same event id from any library event, so that `message` and `message_create` are duplicates.
 * Field names: Message.js (README.md). */
#include "ingest/dialects/wwebjs.h"

#include "base/utf8.h"

/* The library's own member, or the one in _data, which minified builds still fill. */
static const json *field(const struct wwebjs_message *m, const char *name)
{
	const json *v = json_get(m->m, name);

	return v && json_type(v) != JSON_NULL ? v : json_get(m->hidden, name);
}

static struct str text_field(const struct wwebjs_message *m, const char *name)
{
	return json_str(field(m, name));
}

void wwebjs_message_read(struct wwebjs_message *out, const json *m, struct arena *a)
{
	struct webjs_where *where = &out->where;

	*out = (struct wwebjs_message){ .m = m, .hidden = json_get(m, "_data") };
	out->id = stanza_id_read(field(out, "id"), a);
	out->type = text_field(out, "type");
	out->time_ms =
		webjs_seconds_ms(json_get(m, "timestamp") ? json_get(m, "timestamp") : json_get(out->hidden, "t"));
	where->from_me = out->id.known ? out->id.from_me : json_true(field(out, "fromMe"));
	where->chat = out->id.chat;
	if (where->chat.n == 0)
		where->chat = wid_read(json_path(m, "id.remote"), a);
	if (where->chat.n == 0)
		where->chat = wid_read(field(out, where->from_me ? "to" : "from"), a);
	where->author = wid_read(field(out, "author"), a);
	if (where->author.n == 0)
		where->author = out->id.participant;
	where->name = text_field(out, "notifyName");
}

static void fill_media(struct in_message *out, const struct wwebjs_message *m)
{
	bool fetchable = json_true(json_get(m->m, "hasMedia"));
	struct str body = json_str(json_get(m->m, "body"));

	/* Without a direct path the body is a thumbnail, or nothing (Message.js). */
	if (!fetchable || webjs_is_thumbnail(body))
		body = json_str(json_get(m->hidden, "caption"));
	out->body = body;
	out->media = (struct media){ .present = true, .missing = !fetchable, .caption = body };
	out->media.mime = webjs_id_text(text_field(m, "mimetype"));
	out->media.file_name = utf8_truncate(text_field(m, "filename"), WIRE_MAX_NAME_BYTES);
	out->media.sha256 = webjs_id_text(json_str(json_get(m->hidden, "filehash")));
	if (!json_to_i64(field(m, "size"), &out->media.size_bytes) || out->media.size_bytes < 0)
		out->media.size_bytes = 0;
}

static void fill_location(struct in_message *out, const struct wwebjs_message *m)
{
	const json *l = json_get(m->m, "location");
	struct str description = json_str(json_get(l, "description")), line, rest;

	webjs_location(&out->location, json_get(l, "latitude"), json_get(l, "longitude"));
	if (!l)
		webjs_location(&out->location, json_get(m->hidden, "lat"), json_get(m->hidden, "lng"));
	str_cut(description, '\n', &line, &rest); /* name and address */
	out->location.name = json_str(json_get(l, "name"));
	if (out->location.name.n == 0)
		out->location.name = line;
	out->location.name = utf8_truncate(out->location.name, WIRE_MAX_NAME_BYTES);
	out->location.address = utf8_truncate(json_str(json_get(l, "address")), WIRE_MAX_LINK_BYTES);
	out->location.url = webjs_link(json_str(json_get(l, "url")));
	out->body = out->location.name.n ? out->location.name : out->location.address;
}

static void fill_body(struct in_message *out, const struct wwebjs_message *m, struct arena *a)
{
	size_t cards = json_count(json_get(m->m, "vCards"));

	if (webjs_is_media(out->type)) {
		fill_media(out, m);
		return;
	}
	if (out->type == MSG_LOCATION) {
		fill_location(out, m);
		return;
	}
	out->body = json_str(json_get(m->m, "body"));
	if (out->type == MSG_CONTACTS)
		out->body = arena_printf(a, "%zu vcard(s)", cards ? cards : 1);
	else if (out->type == MSG_POLL && out->body.n == 0)
		out->body = text_field(m, "pollName");
	else if (out->type != MSG_TEXT && webjs_is_thumbnail(out->body))
		out->body = STR_NONE;
}

static void fill_quoted(struct in_message *out, const struct wwebjs_message *m, struct arena *a)
{
	const json *quoted = json_get(m->hidden, "quotedMsg");
	struct str stanza = json_str(json_get(m->hidden, "quotedStanzaID"));
	struct str body = json_str(json_get(quoted, "body"));

	if (stanza.n == 0 || stanza.n > WIRE_MAX_ID_BYTES)
		return;
	if (webjs_is_media(webjs_type(json_str(json_get(quoted, "type")))) || webjs_is_thumbnail(body))
		body = json_str(json_get(quoted, "caption"));
	out->quoted = (struct quoted){ .present = true, .target.stanza = stanza, .body = body };
	webjs_party(&out->quoted.sender, wid_read(json_get(m->hidden, "quotedParticipant"), a), STR_NONE);
}

static void invite_facts(struct webjs_facts *f, const json *invite, struct arena *a)
{
	if (!json_is_obj(invite))
		return;
	jw_key(&f->w, "invite");
	jw_obj(&f->w);
	jw_member_str(&f->w, "code", json_str(json_get(invite, "inviteCode")));
	jw_member_str(&f->w, "group_jid", wid_read(json_get(invite, "groupId"), a));
	jw_member_str(&f->w, "group_name", json_str(json_get(invite, "groupName")));
	jw_obj_end(&f->w);
}

static struct str facts(const struct wwebjs_message *m, enum message_type type, struct arena *a)
{
	struct str selected = text_field(m, "selectedRowId");
	struct webjs_facts f;
	int64_t score;

	webjs_facts_init(&f);
	if (type == MSG_UNKNOWN || type == MSG_SYSTEM)
		jw_member_str(&f.w, "provider_type", m->type);
	if (type == MSG_SYSTEM)
		jw_member_str(&f.w, "subtype", json_str(json_get(m->hidden, "subtype")));
	jw_member_str(&f.w, "selected", selected.n ? selected : text_field(m, "selectedButtonId"));
	webjs_facts_strings(&f, "mentions", json_get(m->m, "mentionedIds"));
	if (json_true(json_get(m->m, "isForwarded")))
		jw_member_bool(&f.w, "forwarded", true);
	if (json_to_i64(json_get(m->m, "forwardingScore"), &score) && score > 0)
		jw_member_i64(&f.w, "forwarding_score", score);
	if (webjs_is_media(type))
		jw_member_str(&f.w, "duration", json_text(field(m, "duration"), a));
	if (json_true(json_get(m->m, "isGif")))
		jw_member_bool(&f.w, "gif", true);
	if (type == MSG_CONTACTS)
		webjs_facts_strings(&f, "vcards", json_get(m->m, "vCards"));
	if (type == MSG_POLL)
		webjs_facts_poll(&f, field(m, "pollOptions"), "name");
	if (type == MSG_ORDER)
		jw_member_str(&f.w, "order_id", json_text(field(m, "orderId"), a));
	if (type == MSG_GROUP_INVITE)
		invite_facts(&f, json_get(m->m, "inviteV4"), a);
	return webjs_facts_finish(&f, a);
}

void wwebjs_message_fill(struct in_message *out, const struct wwebjs_message *m, struct arena *a)
{
	out->type = webjs_type(m->type);
	out->placeholder = str_is(m->type, "ciphertext");
	if (out->direction == DIR_OUTBOUND)
		out->status = webjs_ack(json_get(m->m, "ack"));
	fill_body(out, m, a);
	fill_quoted(out, m, a);
	out->extra = facts(m, out->type, a);
	webjs_message_key(a, out, &m->id, m->time_ms);
}

void wwebjs_message(const struct wwebjs *w, const json *object)
{
	struct arena *a = w->item.in->arena;
	struct inbound_event *e;
	struct wwebjs_message m;
	struct webjs_place place;

	wwebjs_message_read(&m, object, a);
	if (str_is(m.type, "revoked")) {
		wwebjs_revoke(w, object);
		return;
	}
	if (!webjs_place(&w->item, &m.where, &place))
		return;
	e = intake_event(w->item.in, w->item.in->account, IN_MESSAGE);
	e->u.message.chat = place.chat;
	e->u.message.direction = place.direction;
	e->u.message.sender = place.sender;
	wwebjs_message_fill(&e->u.message, &m, a);
	intake_time(w->item.in, e, m.time_ms);
	if (e->u.message.type == MSG_UNKNOWN && !e->u.message.placeholder)
		intake_raw(w->item.in, e, object);
	webjs_add(&w->item, e, e->u.message.key, e->u.message.placeholder ? STR("placeholder") : e->u.message.body);
}

void wwebjs_edit(const struct wwebjs *w)
{
	const json *object = wwebjs_argument(w, "message");
	struct arena *a = w->item.in->arena;
	struct inbound_event *e;
	struct wwebjs_message m;
	struct webjs_place place;
	struct in_edit *edit;

	wwebjs_message_read(&m, object, a);
	if (!webjs_place(&w->item, &m.where, &place))
		return;
	e = intake_event(w->item.in, w->item.in->account, IN_EDIT);
	edit = &e->u.edit;
	*edit = (struct in_edit){ webjs_target(a, &m.id), place.chat, place.direction, place.sender, STR_NONE,
		STR_NONE };
	edit->body = json_str(json_get(w->data, "newBody"));
	if (!edit->body.p)
		edit->body = json_str(json_get(object, "body"));
	if (webjs_is_media(webjs_type(m.type)))
		edit->caption_of = str_of(message_type_word(webjs_type(m.type)));
	intake_time(w->item.in, e, webjs_ms(field(&m, "latestEditSenderTimestampMs")));
	webjs_add(&w->item, e, edit->target.key, edit->body);
}

static int64_t revoke_time_ms(const struct wwebjs_message *m)
{
	int64_t ms = webjs_seconds_ms(json_get(m->hidden, "revokeTimestamp"));

	return ms ? ms : m->time_ms;
}

void wwebjs_revoke(const struct wwebjs *w, const json *object)
{
	struct arena *a = w->item.in->arena;
	struct stanza_id target;
	struct inbound_event *e;
	struct wwebjs_message m;
	struct webjs_place place;

	wwebjs_message_read(&m, object, a);
	if (!webjs_place(&w->item, &m.where, &place))
		return;
	target = stanza_id_read(field(&m, "protocolMessageKey"), a);
	if (target.stanza.n == 0)
		target = m.id;
	e = intake_event(w->item.in, w->item.in->account, IN_REVOKE);
	e->u.revoke = (struct in_revoke){ webjs_target(a, &target), place.chat, place.direction, place.sender };
	intake_time(w->item.in, e, revoke_time_ms(&m));
	webjs_add(&w->item, e, target.stanza, STR_NONE);
}

void wwebjs_ack(const struct wwebjs *w)
{
	const json *ack = json_get(w->data, "ack");
	struct inbound_event *e;
	struct wwebjs_message m;
	struct webjs_place place;
	struct in_status *status;

	wwebjs_message_read(&m, wwebjs_argument(w, "message"), w->item.in->arena);
	if (!webjs_place(&w->item, &m.where, &place))
		return;
	e = intake_event(w->item.in, w->item.in->account, IN_STATUS);
	status = &e->u.status;
	status->target = webjs_target(w->item.in->arena, &m.id);
	status->chat = place.chat;
	status->status = webjs_ack(ack ? ack : json_get(m.m, "ack"));
	if (status->status == STATUS_NONE) {
		webjs_reject(&w->item, "ack must be from -1 to 4");
		return;
	}
	webjs_add(&w->item, e, status->target.key, str_of(message_status_word(status->status)));
}

void wwebjs_reaction(const struct wwebjs *w)
{
	const json *r = wwebjs_argument(w, "reaction");
	struct arena *a = w->item.in->arena;
	struct stanza_id id = stanza_id_read(json_get(r, "id"), a), target = stanza_id_read(json_get(r, "msgId"), a);
	struct webjs_where where = { .chat = target.chat.n ? target.chat : id.chat, .from_me = id.from_me };
	struct inbound_event *e;
	struct webjs_place place;

	where.author = wid_read(json_get(r, "senderId"), a);
	if (where.author.n == 0)
		where.author = id.participant;
	if (!webjs_place(&w->item, &where, &place))
		return;
	e = intake_event(w->item.in, w->item.in->account, IN_REACTION);
	e->u.reaction =
		(struct in_reaction){ webjs_target(a, &target), place.chat, place.direction, place.sender, STR_NONE };
	e->u.reaction.emoji = json_str(json_get(r, "reaction"));
	intake_time(w->item.in, e, webjs_seconds_ms(json_get(r, "timestamp")));
	webjs_add(&w->item, e, id.stanza.n ? id.serialized : target.serialized, e->u.reaction.emoji);
}

void wwebjs_vote(const struct wwebjs *w)
{
	const json *v = wwebjs_argument(w, "vote");
	struct arena *a = w->item.in->arena;
	struct stanza_id poll = stanza_id_read(json_get(v, "parentMsgKey"), a);
	struct str voter = wid_read(json_get(v, "voter"), a), options;
	struct address own = address_parse(w->item.in->account->phone_number), voter_address = address_parse(voter);
	struct inbound_event *e;
	struct webjs_place place;

	if (poll.stanza.n == 0)
		poll = stanza_id_read(json_path(v, "parentMessage.id"), a);
	if (!webjs_place(&w->item,
		    &(struct webjs_where){ .chat = poll.chat,
			    .author = voter,
			    .from_me = voter_address.kind == ADDRESS_PHONE && str_eq(voter_address.value, own.value) },
		    &place))
		return;
	e = intake_event(w->item.in, w->item.in->account, IN_POLL_VOTE);
	e->u.poll_vote =
		(struct in_poll_vote){ webjs_target(a, &poll), place.chat, place.direction, place.sender, NULL, 0 };
	options = webjs_options(&e->u.poll_vote, json_get(v, "selectedOptions"), a);
	intake_time(w->item.in, e, webjs_ms(json_get(v, "interractedAtTs")));
	webjs_add(&w->item, e, arena_printf(a, "%.*s:%.*s", STR_ARG(poll.serialized), STR_ARG(voter)), options);
}
