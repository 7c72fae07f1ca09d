/* A chat event as JSON; see render.h. data.h has the members of each kind. Invariant: every kind has a row in data_writers. */
#include "webhook-dispatcher/events/render.h"

#include "webhook-dispatcher/events/data.h"
#include "webhook-dispatcher/events/members.h"

static void (*const data_writers[CE_KINDS])(struct json_writer *, const struct chat_event *) = {
	[CE_MESSAGE_CREATED] = data_message_created,
	[CE_MESSAGE_EDITED] = data_message_edited,
	[CE_MESSAGE_REVOKED] = data_message_revoked,
	[CE_MESSAGE_STATUS] = data_message_status,
	[CE_MESSAGE_REACTION] = data_message_reaction,
	[CE_CONTACT_CREATED] = data_contact_changed,
	[CE_CONTACT_UPDATED] = data_contact_changed,
	[CE_CONTACT_MERGED] = data_contact_merged,
	[CE_CONTACT_ERASED] = data_contact_erased,
	[CE_GROUP_UPDATED] = data_group_updated,
	[CE_CONVERSATION_UPDATED] = data_conversation_updated,
	[CE_SYNC_PROGRESS] = data_sync,
	[CE_SYNC_COMPLETED] = data_sync,
	[CE_SESSION_STATE] = data_session,
	[CE_ACCOUNT_NOTICE] = data_account,
	[CE_TEMPLATE_STATUS] = data_template,
	[CE_ACCOUNT_MIGRATED] = data_account,
	[CE_ACCOUNT_CLEANED] = data_account,
	[CE_CAMPAIGN] = data_campaign,
	[CE_ENDPOINT] = data_endpoint,
};

void render_event(const struct chat_event *e, struct buf *out)
{
	struct json_writer w = json_writer(out);
	char type[CHAT_EVENT_TYPE_SIZE];

	jw_obj(&w);
	member_uuid(&w, "id", &e->id);
	member_text(&w, "type", chat_event_full_type(e, type));
	member_text(&w, "api_version", STR(RENDER_API_VERSION));
	member_uuid(&w, "workspace_id", &e->workspace);
	member_uuid(&w, "account_id", &e->account);
	member_uuid(&w, "conversation_id", &e->conversation);
	member_count(&w, "sequence", e->sequence);
	member_time(&w, "timestamp", e->occurred_at_ms);
	member_object(&w, "data");
	data_writers[e->kind](&w, e);
	jw_obj_end(&w);
	jw_obj_end(&w);
}

static void null_unless(struct json_writer *w, const char *key, bool there)
{
	if (there)
		return;
	jw_key(w, key);
	jw_null(w);
}

void render_message(const struct chat_event *e, enum render_detail detail, struct buf *out)
{
	const struct ce_message_created *c = &e->u.message_created;
	struct json_writer w = json_writer(out);

	jw_obj(&w);
	data_chat(&w, e, detail);
	member_contact(&w, "contact", &c->contact);
	null_unless(&w, "contact", !uuid_is_nil(&c->contact.id));
	member_group(&w, &c->group);
	null_unless(&w, "group", !uuid_is_nil(&c->group.id));
	jw_obj_end(&w);
}
