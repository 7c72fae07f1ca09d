/* Evolution API's messages and the events that refer to a message (Baileys' WAMessage). Invariant: the push name of the
 * account's own messages ("Você" and others) is never used as a contact's name, and inline base64 is never read. */
#include "ingest/dialects/evolution.h"
#include "ingest/dialects/evolution_content.h"

/* WAMessageKey: {remoteJid, remoteJidAlt?, fromMe, id, participant?, participantAlt?}. */
struct message_key {
	struct webjs_where where;
	struct stanza_id id;
};

static struct message_key key_read(const json *key, struct arena *a)
{
	struct message_key out = { 0 };

	out.id.stanza = json_text(json_get(key, "id"), a);
	out.id.serialized = out.id.stanza;
	out.id.known = json_to_bool(json_get(key, "fromMe"), &out.id.from_me) && out.id.stanza.n > 0;
	out.where.from_me = out.id.from_me;
	out.where.chat = json_str(json_get(key, "remoteJid"));
	out.where.chat_alias = json_str(json_get(key, "remoteJidAlt"));
	out.where.author = json_str(json_get(key, "participant"));
	out.where.author_alias = json_str(json_get(key, "participantAlt"));
	return out;
}

static enum message_status status_parse(const json *v)
{
	/* By name, or by Baileys' number, which counts from ERROR. */
	static const char *const names[] = { "ERROR", "PENDING", "SERVER_ACK", "DELIVERY_ACK", "READ", "PLAYED" };
	static const enum message_status statuses[] = {
		STATUS_FAILED,
		STATUS_PENDING,
		STATUS_SENT,
		STATUS_DELIVERED,
		STATUS_READ,
		STATUS_PLAYED,
	};
	const int64_t n_names = sizeof(names) / sizeof(*names);
	int64_t n;

	if (json_to_i64(v, &n))
		return n >= 0 && n < n_names ? statuses[n] : STATUS_NONE;
	for (n = 0; n < n_names; n++)
		if (str_is(json_str(v), names[n]))
			return statuses[n];
	return STATUS_NONE;
}

/* Whether the row has no content yet: not decrypted, or a stub that WhatsApp created; the message follows. */
static bool is_undecrypted(const json *data)
{
	int64_t stub;

	if (json_to_i64(json_get(data, "messageStubType"), &stub))
		return stub == 2; /* CIPHERTEXT */
	return !json_get(data, "messageStubType") || str_is(json_str(json_get(data, "messageStubType")), "CIPHERTEXT");
}

static void content_fill(const struct evolution *v, struct inbound_event *e, const struct evolution_content *c)
{
	struct in_message *m = &e->u.message;

	evolution_content_fill(m, c, json_get(v->data, "contextInfo"), v->item.in->arena);
	if (m->direction == DIR_OUTBOUND)
		m->status = status_parse(json_get(v->data, "status"));
	m->placeholder = c->member.n == 0 && is_undecrypted(v->data);
	if (c->member.n == 0 && !m->placeholder)
		m->type = MSG_SYSTEM;
	if (m->type == MSG_UNKNOWN && !m->placeholder)
		intake_raw(v->item.in, e, v->data);
}

static void message_add(const struct evolution *v, const struct message_key *key, const struct evolution_content *c,
	enum origin origin)
{
	struct arena *a = v->item.in->arena;
	struct inbound_event *e = intake_event(v->item.in, v->item.in->account, IN_MESSAGE);
	int64_t ms = evolution_seconds_ms(json_get(v->data, "messageTimestamp"));
	struct in_message *m = &e->u.message;
	struct webjs_place place;

	if (!webjs_place(&v->item, &key->where, &place))
		return;
	e->origin = origin;
	*m = (struct in_message){ .chat = place.chat, .direction = place.direction, .sender = place.sender };
	content_fill(v, e, c);
	webjs_message_key(a, m, &key->id, ms);
	intake_time(v->item.in, e, ms);
	webjs_add(&v->item, e, m->key, m->placeholder ? STR("placeholder") : m->body);
}

static void revoke_add(const struct evolution *v, const struct message_key *key, struct target target, int64_t ms)
{
	struct inbound_event *e = intake_event(v->item.in, v->item.in->account, IN_REVOKE);
	struct webjs_place place;

	if (!webjs_place(&v->item, &key->where, &place))
		return;
	e->u.revoke = (struct in_revoke){ target, place.chat, place.direction, place.sender };
	intake_time(v->item.in, e, ms);
	webjs_add(&v->item, e, target.stanza, STR_NONE);
}

static void edit_add(const struct evolution *v, const struct message_key *key, struct str target, const json *edited,
	int64_t ms)
{
	struct evolution_content c = evolution_content_read(edited, STR_NONE);
	struct inbound_event *e = intake_event(v->item.in, v->item.in->account, IN_EDIT);
	struct in_edit *edit = &e->u.edit;
	struct webjs_place place;

	if (!webjs_place(&v->item, &key->where, &place))
		return;
	*edit = (struct in_edit){ { .stanza = target }, place.chat, place.direction, place.sender, STR_NONE, STR_NONE };
	edit->body = evolution_content_body(&c, v->item.in->arena);
	if (webjs_is_media(c.type))
		edit->caption_of = str_of(message_type_word(c.type));
	intake_time(v->item.in, e, ms);
	webjs_add(&v->item, e, target, edit->body);
}

static void reaction_add(const struct evolution *v, const struct message_key *key, const json *r)
{
	struct arena *a = v->item.in->arena;
	struct message_key target = key_read(json_get(r, "key"), a);
	struct inbound_event *e = intake_event(v->item.in, v->item.in->account, IN_REACTION);
	int64_t ms;
	struct webjs_place place;

	if (!webjs_place(&v->item, &key->where, &place))
		return;
	if (!evolution_i64(json_get(r, "senderTimestampMs"), &ms))
		ms = evolution_seconds_ms(json_get(v->data, "messageTimestamp"));
	e->u.reaction = (struct in_reaction){ webjs_target(a, &target.id), place.chat, place.direction, place.sender,
		STR_NONE };
	e->u.reaction.emoji = json_str(json_get(r, "text"));
	intake_time(v->item.in, e, ms);
	webjs_add(&v->item, e, key->id.stanza, e->u.reaction.emoji);
}

static void vote_add(const struct evolution *v, const struct message_key *key, const json *update)
{
	const json *options = json_path(update, "vote.selectedOptions");
	struct arena *a = v->item.in->arena;
	struct message_key poll = key_read(json_get(update, "pollCreationMessageKey"), a);
	struct inbound_event *e = intake_event(v->item.in, v->item.in->account, IN_POLL_VOTE);
	struct webjs_place place;
	struct str chosen;

	if (!json_is_arr(options)) { /* still encrypted */
		intake_ignore(v->item.in, "poll_vote_encrypted");
		return;
	}
	if (!webjs_place(&v->item, &key->where, &place))
		return;
	e->u.poll_vote =
		(struct in_poll_vote){ webjs_target(a, &poll.id), place.chat, place.direction, place.sender, NULL, 0 };
	chosen = webjs_options(&e->u.poll_vote, options, a);
	intake_time(v->item.in, e, evolution_seconds_ms(json_get(v->data, "messageTimestamp")));
	webjs_add(&v->item, e, key->id.stanza, chosen);
}

/* protocolMessage: one device informs the others about a message. Its key is from the sender's point of view, so only
 * the id is used. */
static void protocol_add(const struct evolution *v, const struct message_key *key, const json *protocol)
{
	struct str type = json_text(json_get(protocol, "type"), v->item.in->arena);
	struct str target = json_text(json_path(protocol, "key.id"), v->item.in->arena);
	int64_t ms;

	if (!evolution_i64(json_get(protocol, "timestampMs"), &ms))
		ms = evolution_seconds_ms(json_get(v->data, "messageTimestamp"));
	if (str_is(type, "REVOKE") || str_is(type, "0"))
		revoke_add(v, key, (struct target){ .stanza = target }, ms);
	else if (json_is_obj(json_get(protocol, "editedMessage")))
		edit_add(v, key, target, json_get(protocol, "editedMessage"), ms);
	else
		intake_ignore(v->item.in, "protocol_message");
}

static void message_read(const struct evolution *v, enum origin origin)
{
	struct message_key key = key_read(json_get(v->data, "key"), v->item.in->arena);
	struct evolution_content c =
		evolution_content_read(json_get(v->data, "message"), json_str(json_get(v->data, "messageType")));

	key.where.name = json_str(json_get(v->data, "pushName"));
	if (key.where.author.n == 0)
		key.where.author = json_str(json_get(v->data, "participant"));
	if (str_is(c.member, "reactionMessage"))
		reaction_add(v, &key, c.node);
	else if (str_is(c.member, "protocolMessage"))
		protocol_add(v, &key, c.node);
	else if (str_is(c.member, "editedMessage"))
		protocol_add(v, &key, json_path(c.node, "message.protocolMessage"));
	else if (str_is(c.member, "pollUpdateMessage"))
		vote_add(v, &key, c.node);
	else
		message_add(v, &key, &c, origin);
}

void evolution_message(const struct evolution *v)
{
	message_read(v, ORIGIN_LIVE);
}

void evolution_history_message(const struct evolution *v)
{
	message_read(v, ORIGIN_HISTORY);
}

/* {keyId, remoteJid, fromMe, participant, status}, or Baileys' own {key, update}. */
static struct message_key update_key(const struct evolution *v)
{
	const json *data = v->data;
	struct message_key key =
		key_read(json_is_obj(json_get(data, "key")) ? json_get(data, "key") : data, v->item.in->arena);

	if (json_str(json_get(data, "keyId")).n > 0) {
		key.id.stanza = json_str(json_get(data, "keyId"));
		key.id.known = json_to_bool(json_get(data, "fromMe"), &key.id.from_me);
	}
	return key;
}

void evolution_update(const struct evolution *v)
{
	const json *word =
		json_get(v->data, "status") ? json_get(v->data, "status") : json_path(v->data, "update.status");
	struct message_key key = update_key(v);
	struct inbound_event *e = intake_event(v->item.in, v->item.in->account, IN_STATUS);
	struct in_status *status = &e->u.status;
	struct webjs_place place;

	if (str_is(json_str(word), "DELETED")) {
		revoke_add(v, &key, webjs_target(v->item.in->arena, &key.id), 0);
		return;
	}
	status->status = status_parse(word);
	if (status->status == STATUS_NONE) {
		intake_ignore(v->item.in, "message_update");
		return;
	}
	if (!webjs_place(&v->item, &key.where, &place))
		return;
	status->target = webjs_target(v->item.in->arena, &key.id);
	status->chat = place.chat;
	if (place.chat.is_group)
		webjs_party(&status->participant, key.where.author, key.where.author_alias);
	webjs_add(&v->item, e, key.id.stanza,
		arena_printf(v->item.in->arena, "%s:%.*s", message_status_word(status->status),
			STR_ARG(key.where.author)));
}

/* An edit by a peer carries the key from the peer's point of view: its chat is this account. Only the author can edit a
 * message, so the direction is inbound. */
static void peer_edit_add(const struct evolution *v, struct str stanza, const json *edited, int64_t ms)
{
	struct evolution_content c = evolution_content_read(edited, STR_NONE);
	struct inbound_event *e = intake_event(v->item.in, v->item.in->account, IN_EDIT);
	struct in_edit *edit = &e->u.edit;

	edit->direction = DIR_INBOUND;
	edit->target.stanza = stanza;
	edit->target.key = stanza.n ? stanza_key(v->item.in->arena, false, stanza) : STR_NONE;
	edit->body = evolution_content_body(&c, v->item.in->arena);
	intake_time(v->item.in, e, ms);
	webjs_add(&v->item, e, stanza, edit->body);
}

void evolution_edited(const struct evolution *v)
{
	struct message_key key = key_read(json_get(v->data, "key"), v->item.in->arena);
	const json *edited = json_get(v->data, "editedMessage");
	struct address chat = address_parse(key.where.chat), own = address_parse(v->own);
	int64_t ms = 0;

	evolution_i64(json_get(v->data, "timestampMs"), &ms);
	if (chat.kind == ADDRESS_PHONE && str_eq(chat.value, own.value))
		peer_edit_add(v, key.id.stanza, edited, ms);
	else
		edit_add(v, &key, key.id.stanza, edited, ms);
}

/* The data is a key when a peer deleted the message, a whole row when the API did; neither has the time of deletion. */
void evolution_deleted(const struct evolution *v)
{
	const json *row = json_get(v->data, "key");
	struct message_key key = key_read(json_is_obj(row) ? row : v->data, v->item.in->arena);

	revoke_add(v, &key, webjs_target(v->item.in->arena, &key.id), 0);
}
