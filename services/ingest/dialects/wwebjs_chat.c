/* whatsapp-web.js's Chat, Contact, GroupNotification and Call. Invariant: a fact that the object lacks is left unset,
 * and a contact's `number` is never read, because for a LID it is not a phone number. */
#include "ingest/dialects/wwebjs.h"

#include "base/utf8.h"
#include "ingest/dialects/group_settings.h"

static void participant_read(const struct wwebjs *w, struct participant *out, const json *v)
{
	struct str jid = wid_read(json_get(v, "id"), w->item.in->arena);

	webjs_party(&out->party, jid, wwebjs_other_address(w, jid));
	out->admin = json_true(json_get(v, "isAdmin"));
	out->super_admin = json_true(json_get(v, "isSuperAdmin"));
}

static void participants_read(const struct wwebjs *w, struct in_chat_state *out, const json *list)
{
	const size_t room = webjs_participants_room(list);
	struct json_iter it = json_iter(list);
	const json *v;

	out->has_participants = true;
	out->participants = ARENA_ARRAY(w->item.in->arena, struct participant, room);
	while (out->n_participants < room && (v = json_next(&it))) {
		participant_read(w, &out->participants[out->n_participants], v);
		if (party_identified(&out->participants[out->n_participants].party))
			out->n_participants++;
	}
}

static void group_read(const struct wwebjs *w, struct in_chat_state *out, const json *meta)
{
	struct arena *a = w->item.in->arena;
	struct str owner = wid_read(json_get(meta, "owner"), a);
	int64_t created = webjs_seconds_ms(json_get(meta, "creation"));

	if (json_is_arr(json_get(meta, "participants")))
		participants_read(w, out, json_get(meta, "participants"));
	out->description = json_str(json_get(meta, "desc"));
	webjs_party(&out->owner, owner, wwebjs_other_address(w, owner));
	out->group_created_ms = created <= WIRE_MAX_TIME_MS ? created : 0;
	out->invite_code = webjs_id_text(json_str(json_get(meta, "inviteCode")));
	out->settings = group_settings_read(meta, a);
}

static void name_read(struct in_chat_state *out, const json *chat)
{
	struct str name = json_str(json_get(chat, "name"));

	if (out->chat.is_group) {
		if (name.n == 0)
			name = json_str(json_path(chat, "groupMetadata.subject"));
		out->chat.group.name = utf8_truncate(name, WIRE_MAX_NAME_BYTES);
		return;
	}
	out->chat.contact.name = webjs_name(name);
	if (out->chat.contact.name.n == 0)
		out->chat.contact.name =
			webjs_name(json_path(chat, "contact.pushname") ? json_str(json_path(chat, "contact.pushname"))
								       : json_str(json_path(chat, "contact.name")));
}

bool wwebjs_chat_state(const struct wwebjs *w, const json *chat, struct in_chat_state *out)
{
	struct arena *a = w->item.in->arena;
	struct str jid = wid_read(json_get(chat, "id"), a), alias = wwebjs_other_address(w, jid);
	struct in_chat_state state = { 0 };
	int64_t unread;

	if (alias.n == 0)
		alias = wid_read(json_path(chat, "contact.id"), a);
	if (!webjs_chat(&w->item, jid, alias, &state.chat))
		return false;
	name_read(&state, chat);
	if (json_to_i64(json_get(chat, "unreadCount"), &unread) && unread >= -1 && unread <= INT32_MAX) {
		state.has_unread = true;
		state.unread = (int32_t)unread;
	}
	state.has_archived = json_to_bool(json_get(chat, "archived"), &state.archived);
	if (state.chat.is_group && json_is_obj(json_get(chat, "groupMetadata")))
		group_read(w, &state, json_get(chat, "groupMetadata"));
	*out = state;
	return true;
}

void wwebjs_chat(const struct wwebjs *w)
{
	const json *chat = wwebjs_argument(w, "chat");
	struct inbound_event *e = intake_event(w->item.in, w->item.in->account, IN_CHAT_STATE);
	struct in_chat_state *state = &e->u.chat_state;

	if (!wwebjs_chat_state(w, chat, state))
		return;
	if (json_to_bool(json_get(w->data, "currState"), &state->archived)) /* from chat_archived */
		state->has_archived = true;
	intake_time(w->item.in, e, webjs_seconds_ms(json_get(chat, "timestamp")));
	webjs_add(&w->item, e, wid_read(json_get(chat, "id"), w->item.in->arena), intake_json(w->item.in, w->data));
}

void wwebjs_contact(const struct wwebjs *w)
{
	const json *c = wwebjs_argument(w, "contact");
	struct str jid = wid_read(json_get(c, "id"), w->item.in->arena);
	struct inbound_event *e = intake_event(w->item.in, w->item.in->account, IN_CONTACT);
	struct in_contact *contact = &e->u.contact;
	struct chat_ref chat;

	if (json_true(json_get(c, "isMe"))) {
		intake_ignore(w->item.in, "own_contact");
		return;
	}
	if (!webjs_chat(&w->item, jid, STR_NONE, &chat))
		return;
	if (chat.is_group) {
		intake_ignore(w->item.in, "group_contact");
		return;
	}
	contact->party = chat.contact;
	contact->party.name = webjs_name(json_str(json_get(c, "pushname")));
	contact->full_name = webjs_name(json_str(json_get(c, "name")));
	contact->action = CONTACT_UPSERT;
	contact->from_address_book = json_true(json_get(c, "isMyContact"));
	webjs_add(&w->item, e, jid, intake_json(w->item.in, c));
}

void wwebjs_contact_changed(const struct wwebjs *w)
{
	struct arena *a = w->item.in->arena;
	struct str was = wid_read(json_get(w->data, "oldId"), a), is = wid_read(json_get(w->data, "newId"), a);
	struct inbound_event *e = intake_event(w->item.in, w->item.in->account, IN_IDENTITY_CHANGE);
	struct in_identity_change *change = &e->u.identity_change;
	struct wwebjs_message m;

	wwebjs_message_read(&m, json_get(w->data, "message"), a);
	webjs_party(&change->old_party, was, STR_NONE);
	webjs_party(&change->new_party, is, STR_NONE);
	if (!party_identified(&change->old_party) || !party_identified(&change->new_party)) {
		webjs_reject(&w->item, "the old or the new address is missing");
		return;
	}
	/* A LID in place of a phone is an alias of the same person, not a new number. */
	change->kind = address_parse(was).kind == address_parse(is).kind ? IDENTITY_NUMBER_CHANGED : IDENTITY_ALIAS;
	if (m.id.known)
		change->key = stanza_key(a, m.id.from_me, m.id.stanza);
	intake_time(w->item.in, e, m.time_ms);
	webjs_add(&w->item, e, m.id.serialized, arena_printf(a, "%.*s\n%.*s", STR_ARG(was), STR_ARG(is)));
}

static void recipients_read(struct in_group_change *out, const json *ids, struct arena *a)
{
	const size_t room = webjs_participants_room(ids);
	struct json_iter it = json_iter(json_is_arr(ids) ? ids : NULL);
	const json *v;

	out->participants = ARENA_ARRAY(a, struct participant, room + 1);
	while (out->n_participants < room && (v = json_next(&it))) {
		struct party *p = &out->participants[out->n_participants].party;

		webjs_party(p, wid_read(v, a), STR_NONE);
		if (party_identified(p))
			out->n_participants++;
	}
	/* A person who leaves or joins alone may be given as the author only. */
	if (out->n_participants == 0 && (out->action == GROUP_LEAVE || out->action == GROUP_JOIN))
		if (party_identified(&out->actor))
			out->participants[out->n_participants++].party = out->actor;
}

void wwebjs_group_notification(const struct wwebjs *w)
{
	const json *n = wwebjs_argument(w, "notification");
	struct arena *a = w->item.in->arena;
	struct stanza_id id = stanza_id_read(json_get(n, "id"), a);
	struct str chat = wid_read(json_get(n, "chatId"), a), author = wid_read(json_get(n, "author"), a);
	struct str type = json_str(json_get(n, "type")), body = json_str(json_get(n, "body"));
	struct inbound_event *e = intake_event(w->item.in, w->item.in->account, IN_GROUP_CHANGE);
	struct in_group_change *change = &e->u.group_change;
	struct chat_ref ref;

	if (!webjs_chat(&w->item, chat.n ? chat : id.chat, STR_NONE, &ref))
		return;
	change->group = ref.group;
	change->action = webjs_group_action(type);
	webjs_party(&change->actor, author.n ? author : id.participant, STR_NONE);
	recipients_read(change, json_get(n, "recipientIds"), a);
	if (change->action == GROUP_SUBJECT || change->action == GROUP_DESCRIPTION)
		change->text = body;
	else if (change->action == GROUP_SETTINGS)
		change->settings = group_settings_notified(type, body, a);
	intake_time(w->item.in, e, webjs_seconds_ms(json_get(n, "timestamp")));
	webjs_add(&w->item, e, id.serialized, arena_printf(a, "%.*s\n%.*s", STR_ARG(type), STR_ARG(body)));
}

void wwebjs_call(const struct wwebjs *w)
{
	const json *c = wwebjs_argument(w, "call");
	struct arena *a = w->item.in->arena;
	struct inbound_event *e = intake_event(w->item.in, w->item.in->account, IN_CALL);
	struct in_call *call = &e->u.call;

	if (!webjs_chat(&w->item, wid_read(json_get(c, "from"), a), STR_NONE, &call->chat))
		return;
	call->call_id = json_text(json_get(c, "id"), a);
	call->direction = json_true(json_get(c, "fromMe")) ? DIR_OUTBOUND : DIR_INBOUND;
	call->video = json_true(json_get(c, "isVideo"));
	call->outcome = webjs_call_outcome(STR("offer"));
	intake_time(w->item.in, e, webjs_seconds_ms(json_get(c, "timestamp")));
	webjs_add(&w->item, e, call->call_id, call->outcome);
}
