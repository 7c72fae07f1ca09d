/* WAHA's group.v2 events. Invariant: only group.v2.join is treated as having the complete list of participants. */
#include "base/utf8.h"
#include "ingest/dialects/group_settings.h"
#include "ingest/dialects/waha.h"

static void participants_read(struct in_group_change *out, const json *list, struct arena *a)
{
	const size_t room = webjs_participants_room(list);
	struct json_iter it = json_iter(json_is_arr(list) ? list : NULL);
	const json *v;

	out->participants = ARENA_ARRAY(a, struct participant, room);
	while (out->n_participants < room && (v = json_next(&it))) {
		struct participant *p = &out->participants[out->n_participants];
		struct str role = json_str(json_get(v, "role"));

		webjs_party(&p->party, waha_address(json_get(v, "id"), a), waha_address(json_get(v, "pn"), a));
		p->super_admin = str_is(role, "superadmin");
		p->admin = p->super_admin || str_is(role, "admin");
		if (party_identified(&p->party))
			out->n_participants++;
	}
}

/* NULL when the payload names no group; the item is then already rejected or ignored. */
static struct inbound_event *change_start(const struct waha *w, enum group_action action)
{
	const json *group = json_get(w->payload, "group");
	struct inbound_event *e = intake_event(w->item.in, w->item.in->account, IN_GROUP_CHANGE);
	int64_t ms = webjs_seconds_ms(json_get(w->payload, "timestamp"));
	struct chat_ref chat;

	if (!webjs_chat(&w->item, waha_address(json_get(group, "id"), w->item.in->arena), STR_NONE, &chat))
		return NULL;
	if (!chat.is_group) {
		webjs_reject(&w->item, "the group is missing");
		return NULL;
	}
	e->u.group_change.group = chat.group;
	e->u.group_change.group.name = utf8_truncate(json_str(json_get(group, "subject")), WIRE_MAX_NAME_BYTES);
	e->u.group_change.action = action;
	intake_time(w->item.in, e, ms ? ms : w->time_ms);
	return e;
}

static void change_add(const struct waha *w, struct inbound_event *e)
{
	webjs_add(&w->item, e, e->u.group_change.group.jid,
		arena_printf(w->item.in->arena, "%s %.*s", group_action_word(e->u.group_change.action),
			STR_ARG(intake_json(w->item.in, w->payload))));
}

/* The code of "https://chat.whatsapp.com/<code>". */
static struct str invite_code(const json *group)
{
	struct str code = json_str(json_get(group, "invite")), head, tail;

	while (str_cut(code, '/', &head, &tail))
		code = tail;
	return webjs_id_text(code);
}

void waha_group_join(const struct waha *w)
{
	const json *group = json_get(w->payload, "group");
	struct inbound_event *e = change_start(w, GROUP_JOIN);

	if (!e)
		return;
	participants_read(&e->u.group_change, json_get(group, "participants"), w->item.in->arena);
	e->u.group_change.snapshot = json_is_arr(json_get(group, "participants"));
	e->u.group_change.settings = group_settings_read(group, w->item.in->arena);
	e->u.group_change.invite_code = invite_code(group);
	change_add(w, e);
}

void waha_group_leave(const struct waha *w)
{
	struct inbound_event *e = change_start(w, GROUP_LEAVE);
	const json *me = json_get(w->body, "me");
	struct in_group_change *change;

	if (!e)
		return;
	change = &e->u.group_change;
	change->participants = ARENA_NEW(w->item.in->arena, struct participant);
	webjs_party(&change->participants->party, json_str(json_get(me, "id")), json_str(json_get(me, "lid")));
	change->n_participants = party_identified(&change->participants->party);
	change_add(w, e);
}

void waha_group_participants(const struct waha *w)
{
	enum group_action action = webjs_group_action(json_str(json_get(w->payload, "type")));
	struct inbound_event *e = change_start(w, action);

	if (!e)
		return;
	participants_read(&e->u.group_change, json_get(w->payload, "participants"), w->item.in->arena);
	change_add(w, e);
}

static void update_add(const struct waha *w, enum group_action action, struct str text)
{
	const json *group = json_get(w->payload, "group");
	struct inbound_event *e = change_start(w, action);

	if (!e)
		return;
	e->u.group_change.text = text;
	e->u.group_change.settings = group_settings_read(group, w->item.in->arena);
	e->u.group_change.invite_code = invite_code(group);
	change_add(w, e);
}

/* One change for each text in the payload; each of them carries the settings. */
void waha_group_update(const struct waha *w)
{
	const json *group = json_get(w->payload, "group");
	struct str subject = json_str(json_get(group, "subject")),
		   description = json_str(json_get(group, "description"));

	if (subject.n > 0)
		update_add(w, GROUP_SUBJECT, subject);
	if (description.p)
		update_add(w, GROUP_DESCRIPTION, description);
	if (subject.n == 0 && !description.p)
		update_add(w, GROUP_SETTINGS, STR_NONE);
}
