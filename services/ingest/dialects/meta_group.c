/* Meta's Groups API: groups created, changed and deleted, and their participants. Invariant: an item without a group,
 * or of an unknown type, becomes a notice to the account.
 */
#include "base/utf8.h"
#include "ingest/dialects/group_settings.h"
#include "ingest/dialects/meta.h"

static enum group_action action_of(const struct meta_item *it, struct str type)
{
	if (str_is(type, "group_create"))
		return GROUP_CREATE;
	if (str_is(type, "group_delete"))
		return GROUP_DELETE;
	if (str_is(type, "group_participants_add"))
		return str_is(json_str(json_get(it->v, "reason")), "invite_link") ? GROUP_JOIN : GROUP_ADD;
	if (str_is(type, "group_participants_remove"))
		return str_is(json_str(json_get(it->v, "initiated_by")), "participant") ? GROUP_LEAVE : GROUP_REMOVE;
	if (str_is(type, "group_settings_update") || str_is(type, "group_suspend") ||
		str_is(type, "group_suspend_cleared"))
		return GROUP_SETTINGS;
	return GROUP_NONE;
}

/* "https://chat.whatsapp.com/<code>" */
static struct str invite_code(const struct meta_item *it)
{
	struct str link = json_str(json_get(it->v, "invite_link")), head;

	while (str_cut(link, '/', &head, &link))
		;
	return head.n <= WIRE_MAX_ID_BYTES ? head : STR_NONE;
}

/* A changed text, if Meta applied it; otherwise absent. */
static struct str changed_text(const struct meta_item *it, const char *member)
{
	const json *change = json_get(it->v, member);
	bool done = true;

	json_to_bool(json_get(change, "update_successful"), &done);
	return done ? json_str(json_get(change, "text")) : STR_NONE;
}

static void change_add(struct meta_item *it, enum group_action action, struct str group, struct str text)
{
	struct inbound_event *e = meta_event(it, IN_GROUP_CHANGE, json_get(it->v, "timestamp"));
	struct in_group_change *g = &e->u.group_change;

	g->group.jid = group;
	g->group.name = action == GROUP_SUBJECT ? utf8_truncate(text, WIRE_MAX_NAME_BYTES)
						: meta_name(json_get(it->v, "subject"));
	g->action = action;
	g->text = text;
	g->invite_code = invite_code(it);
	g->settings = group_settings_read(it->v, it->change->in->arena);
	meta_participants(it,
		action == GROUP_REMOVE || action == GROUP_LEAVE ? "removed_participants" : "added_participants", g);
	meta_add(it, e, group,
		arena_printf(it->change->in->arena, "%s %.*s", group_action_word(action),
			STR_ARG(intake_json(it->change->in, it->v))));
}

/* One update may change both texts. */
static void settings_read(struct meta_item *it, struct str group)
{
	struct str subject = changed_text(it, "group_subject"), description = changed_text(it, "group_description");

	if (subject.p)
		change_add(it, GROUP_SUBJECT, group, subject);
	if (description.p)
		change_add(it, GROUP_DESCRIPTION, group, description);
	if (!subject.p && !description.p)
		change_add(it, GROUP_SETTINGS, group, json_str(json_get(it->v, "subject")));
}

void meta_group(struct meta_item *it)
{
	struct str group = meta_id(json_get(it->v, "group_id"), it->change->in->arena);
	struct str type = json_str(json_get(it->v, "type"));
	enum group_action action = action_of(it, type);

	if (action == GROUP_NONE || group.n == 0 || json_count(json_get(it->v, "errors")) > 0)
		meta_notice(it, action == GROUP_NONE ? STR("groups") : type);
	else if (action == GROUP_SETTINGS)
		settings_read(it, group);
	else
		change_add(it, action, group, json_str(json_get(it->v, "subject")));
}
