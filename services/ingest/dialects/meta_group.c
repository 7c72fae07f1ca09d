/* Meta's Groups API: groups created, changed and deleted, and who is in them. Invariant: what has no group yet, or a type
 * that we do not know, becomes a notice to the account.
 */
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

static struct str settings_of(const struct meta_item *it)
{
	struct str all = intake_json(it->change->in, it->v);

	return all.n <= WIRE_MAX_JSON_BYTES ? all : STR_NONE;
}

/* One update may carry several changes; a changed subject or description names the action. */
static void subject_read(const struct meta_item *it, struct in_group_change *g)
{
	const json *subject = json_get(it->v, "group_subject"), *description = json_get(it->v, "group_description");

	if (subject && !description) {
		g->action = GROUP_SUBJECT;
		g->text = json_str(json_get(subject, "text"));
		g->group.name = meta_name(json_get(subject, "text"));
	} else if (description && !subject) {
		g->action = GROUP_DESCRIPTION;
		g->text = json_str(json_get(description, "text"));
	}
}

static void change_read(struct meta_item *it, enum group_action action, struct str group)
{
	struct inbound_event *e = meta_event(it, IN_GROUP_CHANGE, json_get(it->v, "timestamp"));
	struct in_group_change *g = &e->u.group_change;

	g->group.jid = group;
	g->group.name = meta_name(json_get(it->v, "subject"));
	g->action = action;
	g->text = json_str(json_get(it->v, "subject"));
	g->invite_code = invite_code(it);
	if (action == GROUP_CREATE || action == GROUP_SETTINGS)
		g->settings = settings_of(it);
	if (action == GROUP_SETTINGS)
		subject_read(it, g);
	meta_participants(it,
		action == GROUP_REMOVE || action == GROUP_LEAVE ? "removed_participants" : "added_participants", g);
	meta_add(it, e, group, intake_json(it->change->in, it->v));
}

void meta_group(struct meta_item *it)
{
	struct str group = meta_id(json_get(it->v, "group_id"), it->change->in->arena);
	struct str type = json_str(json_get(it->v, "type"));
	enum group_action action = action_of(it, type);

	if (action == GROUP_NONE || group.n == 0 || json_count(json_get(it->v, "errors")) > 0)
		meta_notice(it, action == GROUP_NONE ? STR("groups") : type);
	else
		change_read(it, action, group);
}
