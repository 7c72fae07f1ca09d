/* The data of events of contacts, groups and conversations; see data.h. */
#include "webhook-dispatcher/events/data.h"
#include "webhook-dispatcher/events/members.h"

void data_contact_changed(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_contact_changed *c = &e->u.contact_changed;

	member_contact(w, "contact", &c->contact);
	member_texts(w, "changed", c->changed, c->n_changed);
	for (size_t i = 0; i < c->n_changed; i++)
		if (str_is(c->changed[i], "opt_out")) {
			member_object(w, "opt_out");
			member_text(w, "category", c->opt_out_category);
			jw_member_bool(w, "opted_out", c->opted_out);
			jw_obj_end(w);
		}
}

void data_contact_merged(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_contact_merged *c = &e->u.contact_merged;

	member_uuid(w, "from_contact_id", &c->from_contact);
	member_uuid(w, "into_contact_id", &c->into_contact);
	member_uuid(w, "into_conversation_id", &c->into_conversation);
}

void data_contact_erased(struct json_writer *w, const struct chat_event *e)
{
	member_uuid(w, "contact_id", &e->u.contact_erased.contact);
}

void data_group_updated(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_group_updated *g = &e->u.group_updated;

	member_group(w, &g->group);
	member_text(w, "action", g->action);
	jw_key(w, "participants");
	jw_arr(w);
	for (size_t i = 0; i < g->n_participants; i++) {
		jw_obj(w);
		party_members(w, &g->participants[i].party);
		jw_member_bool(w, "admin", g->participants[i].admin || g->participants[i].super_admin);
		jw_member_bool(w, "super_admin", g->participants[i].super_admin);
		jw_obj_end(w);
	}
	jw_arr_end(w);
	jw_member_str(w, "text", g->text);
}

void data_conversation_updated(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_conversation_updated *c = &e->u.conversation_updated;

	jw_member_i64(w, "unread", c->unread);
	member_time(w, "last_read_at", c->last_read_at_ms);
	jw_member_bool(w, "archived", c->archived);
	member_texts(w, "changed", c->changed, c->n_changed);
}
