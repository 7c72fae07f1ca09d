/* Evolution API's contacts, chats, groups and calls. Invariant: a phoneNumber that only repeats a LID's digits is not
 * used. */
#include "ingest/dialects/evolution.h"

#include <string.h>
#include <time.h>

#include "base/map.h"
#include "base/utf8.h"
#include "ingest/dialects/evolution_content.h"
#include "ingest/dialects/group_settings.h"

/* The address, under any of the names that Evolution's versions use for it. */
static struct str remote_jid(const json *data)
{
	struct str jid = json_str(json_get(data, "remoteJid"));

	return jid.n ? jid : json_str(json_get(data, "id"));
}

void evolution_contact(const struct evolution *v)
{
	struct str jid = remote_jid(v->data), name = json_str(json_get(v->data, "pushName"));
	struct inbound_event *e = intake_event(v->item.in, v->item.in->account, IN_CONTACT);
	struct in_contact *contact = &e->u.contact;
	struct chat_ref chat;

	if (!webjs_chat(&v->item, jid, json_str(json_get(v->data, "remoteJidAlt")), &chat))
		return;
	if (chat.is_group) {
		intake_ignore(v->item.in, "group_contact");
		return;
	}
	if (chat.contact.phone.n > 0 && str_eq(chat.contact.phone, address_parse(v->own).value)) {
		intake_ignore(v->item.in, "own_contact");
		return;
	}
	contact->party = chat.contact;
	contact->party.name = webjs_name(name.n ? name : json_str(json_get(v->data, "notify")));
	contact->full_name = webjs_name(json_str(json_get(v->data, "name")));
	contact->action = CONTACT_UPSERT;
	contact->profile_picture = webjs_link(json_str(json_get(v->data, "profilePicUrl")));
	webjs_add(&v->item, e, jid, intake_json(v->item.in, v->data));
}

void evolution_chat(const struct evolution *v)
{
	struct str jid = remote_jid(v->data), name = json_str(json_get(v->data, "name"));
	const json *count = json_get(v->data, "unreadMessages");
	struct inbound_event *e = intake_event(v->item.in, v->item.in->account, IN_CHAT_STATE);
	struct in_chat_state *state = &e->u.chat_state;
	int64_t unread;

	if (!webjs_chat(&v->item, jid, json_str(json_get(v->data, "remoteJidAlt")), &state->chat))
		return;
	if (state->chat.is_group)
		state->chat.group.name = utf8_truncate(name, WIRE_MAX_NAME_BYTES);
	else
		state->chat.contact.name = webjs_name(name);
	if (json_to_i64(count ? count : json_get(v->data, "unreadCount"), &unread) && unread >= -1 &&
		unread <= INT32_MAX) {
		state->has_unread = true;
		state->unread = (int32_t)unread;
	}
	state->has_archived = json_to_bool(json_get(v->data, "archived"), &state->archived);
	if (!state->has_unread && !state->has_archived && name.n == 0)
		intake_ignore(v->item.in, "chat_without_facts");
	else
		webjs_add(&v->item, e, jid, intake_json(v->item.in, v->data));
}

/* The phone that accompanies a JID, as a JID or as digits; absent when it only repeats the LID. */
static struct str phone_beside(struct str jid, struct str phone)
{
	struct address of = address_parse(jid), a = address_parse(phone);

	return a.kind == ADDRESS_PHONE && !(of.kind == ADDRESS_LID && str_eq(of.value, a.value)) ? phone : STR_NONE;
}

static void participant_add(struct participant *list, size_t *n, struct str jid, struct str phone, struct str admin)
{
	struct participant p = { 0 };

	webjs_party(&p.party, jid, phone_beside(jid, phone));
	p.super_admin = str_is(admin, "superadmin");
	p.admin = p.super_admin || str_is(admin, "admin");
	if (party_identified(&p.party))
		list[(*n)++] = p;
}

static void group_participants(struct in_chat_state *state, const json *list, struct arena *a)
{
	const size_t room = webjs_participants_room(list);
	struct json_iter it = json_iter(list);
	const json *p;

	state->has_participants = true;
	state->participants = ARENA_ARRAY(a, struct participant, room);
	while (state->n_participants < room && (p = json_next(&it)))
		participant_add(state->participants, &state->n_participants, json_str(json_get(p, "id")),
			json_str(json_get(p, "phoneNumber")), json_str(json_get(p, "admin")));
}

/* GroupMetadata. It has no time of its own: the times in it are those of the group's subject and creation. */
void evolution_group(const struct evolution *v)
{
	struct arena *a = v->item.in->arena;
	struct inbound_event *e = intake_event(v->item.in, v->item.in->account, IN_CHAT_STATE);
	struct in_chat_state *state = &e->u.chat_state;
	int64_t created = evolution_seconds_ms(json_get(v->data, "creation"));
	struct str owner = json_str(json_get(v->data, "owner"));

	if (!webjs_chat(&v->item, remote_jid(v->data), STR_NONE, &state->chat))
		return;
	if (!state->chat.is_group) {
		webjs_reject(&v->item, "the group is missing");
		return;
	}
	state->chat.group.name = utf8_truncate(json_str(json_get(v->data, "subject")), WIRE_MAX_NAME_BYTES);
	state->description = json_str(json_get(v->data, "desc"));
	webjs_party(&state->owner, owner, phone_beside(owner, json_str(json_get(v->data, "ownerPn"))));
	state->group_created_ms = created <= WIRE_MAX_TIME_MS ? created : 0;
	state->invite_code = webjs_id_text(json_str(json_get(v->data, "inviteCode")));
	state->settings = group_settings_read(v->data, a);
	if (json_is_arr(json_get(v->data, "participants")))
		group_participants(state, json_get(v->data, "participants"), a);
	webjs_add(&v->item, e, state->chat.group.jid, intake_json(v->item.in, v->data));
}

static void group_update_add(const struct evolution *v, const struct group_ref *group, enum group_action action,
	struct str text, struct str settings)
{
	struct inbound_event *e = intake_event(v->item.in, v->item.in->account, IN_GROUP_CHANGE);
	struct in_group_change *change = &e->u.group_change;
	struct str author = json_str(json_get(v->data, "author"));

	change->group = *group;
	change->action = action;
	change->text = text;
	change->settings = settings;
	change->invite_code = webjs_id_text(json_str(json_get(v->data, "inviteCode")));
	webjs_party(&change->actor, author, phone_beside(author, json_str(json_get(v->data, "authorPn"))));
	webjs_add(&v->item, e, group->jid,
		arena_printf(v->item.in->arena, "%s %.*s", group_action_word(action),
			STR_ARG(intake_json(v->item.in, v->data))));
}

/* Partial GroupMetadata: one change for each member that Blazz stores. */
void evolution_group_update(const struct evolution *v)
{
	struct str subject = json_str(json_get(v->data, "subject")), description = json_str(json_get(v->data, "desc"));
	struct str settings = group_settings_read(v->data, v->item.in->arena);
	struct chat_ref chat;

	if (!webjs_chat(&v->item, remote_jid(v->data), STR_NONE, &chat))
		return;
	if (!chat.is_group) {
		webjs_reject(&v->item, "the group is missing");
		return;
	}
	chat.group.name = utf8_truncate(subject, WIRE_MAX_NAME_BYTES);
	if (subject.n > 0)
		group_update_add(v, &chat.group, GROUP_SUBJECT, subject, STR_NONE);
	if (description.p)
		group_update_add(v, &chat.group, GROUP_DESCRIPTION, description, STR_NONE);
	if (settings.n > 0)
		group_update_add(v, &chat.group, GROUP_SETTINGS, STR_NONE, settings);
	if (subject.n == 0 && !description.p && settings.n == 0)
		intake_ignore(v->item.in, "group_without_facts");
}

/* participantsData: [{jid, phoneNumber}] besides participants: ["jid"] or [{id, phoneNumber}]. Returns a map by JID. */
static struct map *phones_read(const json *list)
{
	struct json_iter it = json_iter(json_is_arr(list) ? list : NULL);
	struct map *phones = map_new();
	const json *p;

	while ((p = json_next(&it)))
		*map_slot(phones, json_str(json_get(p, "jid"))) = (void *)(uintptr_t)json_get(p, "phoneNumber");
	return phones;
}

static void changed_participants(struct in_group_change *change, const json *data, struct arena *a)
{
	const json *list = json_get(data, "participants");
	const size_t room = webjs_participants_room(list);
	struct json_iter it = json_iter(json_is_arr(list) ? list : NULL);
	struct map *phones = phones_read(json_get(data, "participantsData"));
	const json *p;

	change->participants = ARENA_ARRAY(a, struct participant, room);
	while (change->n_participants < room && (p = json_next(&it))) {
		struct str jid = json_is_obj(p) ? json_str(json_get(p, "id")) : json_str(p);
		const json *phone = json_is_obj(p) ? json_get(p, "phoneNumber") : map_get(phones, jid);

		participant_add(change->participants, &change->n_participants, jid, json_str(phone), STR_NONE);
	}
	map_free(phones);
}

void evolution_participants(const struct evolution *v)
{
	struct str action = json_str(json_get(v->data, "action")), author = json_str(json_get(v->data, "author"));
	struct inbound_event *e = intake_event(v->item.in, v->item.in->account, IN_GROUP_CHANGE);
	struct in_group_change *change = &e->u.group_change;
	struct chat_ref chat;

	if (!webjs_chat(&v->item, remote_jid(v->data), STR_NONE, &chat))
		return;
	change->action = webjs_group_action(action);
	if (!chat.is_group || change->action == GROUP_SETTINGS) {
		intake_ignore(v->item.in, "group_participants_other");
		return;
	}
	change->group = chat.group;
	webjs_party(&change->actor, author, phone_beside(author, json_str(json_get(v->data, "authorPn"))));
	changed_participants(change, v->data, v->item.in->arena);
	webjs_add(&v->item, e, chat.group.jid, intake_json(v->item.in, v->data));
}

/* "2026-01-01T00:00:00.000Z", with or without milliseconds; 0 for anything else. */
static int64_t iso_ms(struct str s)
{
	struct str fraction = STR_NONE, whole;
	int64_t ms = 0;
	char text[32];
	struct tm t = { 0 };
	const char *end;

	if (s.n == 0 || s.n >= sizeof(text) || s.p[s.n - 1] != 'Z')
		return 0;
	str_cut(str_slice(s, 0, s.n - 1), '.', &whole, &fraction);
	memcpy(text, whole.p, whole.n);
	text[whole.n] = 0;
	end = strptime(text, "%Y-%m-%dT%H:%M:%S", &t);
	if (!end || *end)
		return 0;
	if (fraction.n > 0 && (fraction.n != 3 || !str_all_digits(fraction) || !str_to_i64(fraction, &ms)))
		return 0;
	return (int64_t)timegm(&t) * 1000 + ms;
}

void evolution_call(const struct evolution *v)
{
	struct str chat = json_str(json_get(v->data, "chatId")), from = json_str(json_get(v->data, "from"));
	struct inbound_event *e = intake_event(v->item.in, v->item.in->account, IN_CALL);
	struct in_call *call = &e->u.call;
	const json *date = json_get(v->data, "date");
	bool own = from.n > 0 && str_eq(address_parse(from).value, address_parse(v->own).value);

	if (!webjs_chat(&v->item, chat.n ? chat : from, STR_NONE, &call->chat))
		return;
	call->call_id = json_str(json_get(v->data, "id"));
	call->direction = own ? DIR_OUTBOUND : DIR_INBOUND;
	call->video = json_true(json_get(v->data, "isVideo"));
	call->outcome = webjs_call_outcome(json_str(json_get(v->data, "status")));
	intake_time(v->item.in, e, json_str(date).n ? iso_ms(json_str(date)) : evolution_seconds_ms(date));
	webjs_add(&v->item, e, call->call_id, call->outcome);
}
