/* The shapes of ChatEvent and its kinds (proto/blazz/v1/chat_event.proto).
 *
 * Only Blazz writes these events, from data that was checked as inbound events: so single texts have no limits here,
 * only the whole record has one. */
#include "blazz/v1/chat_event.pb-c.h"
#include "wire/chat_event.h"
#include "wire/rows.h"
#include "wire/shapes.h"

#define ANY(s, P, m)      TEXT(s, P, m, WIRE_MAX_RECORD_BYTES)
#define MAX_CHANGED_FACTS 100

static const struct row contact_view_rows[] = {
	UUID(contact_view, ContactView, id),
	ANY(contact_view, ContactView, name),
	ANY(contact_view, ContactView, phone),
};
static SHAPE(contact_view_shape, contact_view, contact_view, contact_view_rows);

static const struct row group_view_rows[] = {
	UUID(group_view, GroupView, id),
	ANY(group_view, GroupView, jid),
	ANY(group_view, GroupView, name),
	COUNT(group_view, GroupView, participants_count),
};
static SHAPE(group_view_shape, group_view, group_view, group_view_rows);

static const struct row message_view_rows[] = {
	NUMBER(message_view, MessageView, id),
	UUID(message_view, MessageView, uuid),
	ANY(message_view, MessageView, key),
	ANY(message_view, MessageView, provider_id),
	ANY(message_view, MessageView, client_message_id),
	ENUM(message_view, MessageView, direction, DIR_OUTBOUND),
	ENUM(message_view, MessageView, type, MSG_TEMPLATE),
	ENUM(message_view, MessageView, status, STATUS_DELETED),
	ANY(message_view, MessageView, body),
	OPTIONAL(message_view, MessageView, media, media),
	OPTIONAL(message_view, MessageView, location, location),
	OPTIONAL(message_view, MessageView, quoted, quoted),
	TIME(message_view, MessageView, sent_at_ms),
	BOOL(message_view, MessageView, is_read),
	BOOL(message_view, MessageView, placeholder),
	ANY(message_view, MessageView, metadata),
};
static SHAPE(message_view_shape, message_view, message_view, message_view_rows);

static const struct row created_rows[] = {
	PART(ce_message_created, MessageCreated, message, message_view),
	ONEOF_PART(ce_message_created, MessageCreated, group, group_view, peer_case,
		BLAZZ__V1__MESSAGE_CREATED__PEER_GROUP),
	ONEOF_PART(ce_message_created, MessageCreated, contact, contact_view, peer_case,
		BLAZZ__V1__MESSAGE_CREATED__PEER_CONTACT),
	PART(ce_message_created, MessageCreated, sender, contact_view),
};
static SHAPE(created_shape, ce_message_created, message_created, created_rows);

static const struct row edited_rows[] = {
	NUMBER(ce_message_edited, MessageEdited, message_id),
	UUID(ce_message_edited, MessageEdited, message_uuid),
	ANY(ce_message_edited, MessageEdited, body),
	TIME(ce_message_edited, MessageEdited, edited_at_ms),
	{ .type = ROW_OPTIONAL,
		.shape = &message_view_shape,
		OURS(ce_message_edited, message, struct message_view),
		.n_ours = OFFSET(struct ce_message_edited, filled, bool),
		THEIR_MESSAGE(MessageEdited, message) },
};
static SHAPE(edited_shape, ce_message_edited, message_edited, edited_rows);

static const struct row revoked_rows[] = {
	NUMBER(ce_message_revoked, MessageRevoked, message_id),
	UUID(ce_message_revoked, MessageRevoked, message_uuid),
	TIME(ce_message_revoked, MessageRevoked, revoked_at_ms),
	BOOL(ce_message_revoked, MessageRevoked, for_us_only),
};
static SHAPE(revoked_shape, ce_message_revoked, message_revoked, revoked_rows);

static const struct row status_rows[] = {
	NUMBER(ce_message_status, MessageStatusChanged, message_id),
	UUID(ce_message_status, MessageStatusChanged, message_uuid),
	ENUM(ce_message_status, MessageStatusChanged, status, STATUS_DELETED),
	TIME(ce_message_status, MessageStatusChanged, at_ms),
	ANY(ce_message_status, MessageStatusChanged, client_message_id),
	PART(ce_message_status, MessageStatusChanged, error, provider_error),
	PART(ce_message_status, MessageStatusChanged, participant, party),
	ANY(ce_message_status, MessageStatusChanged, extra),
};
static SHAPE(status_shape, ce_message_status, message_status_changed, status_rows);

static const struct row reaction_rows[] = {
	NUMBER(ce_message_reaction, MessageReaction, message_id),
	UUID(ce_message_reaction, MessageReaction, message_uuid),
	PART(ce_message_reaction, MessageReaction, sender, party),
	BOOL(ce_message_reaction, MessageReaction, from_me),
	ANY(ce_message_reaction, MessageReaction, emoji),
	BOOL(ce_message_reaction, MessageReaction, vote),
	TEXTS(ce_message_reaction, MessageReaction, options, WIRE_MAX_OPTIONS),
};
static SHAPE(reaction_shape, ce_message_reaction, message_reaction, reaction_rows);

static const struct row contact_changed_rows[] = {
	PART(ce_contact_changed, ContactChanged, contact, contact_view),
	TEXTS(ce_contact_changed, ContactChanged, changed, MAX_CHANGED_FACTS),
	ANY(ce_contact_changed, ContactChanged, opt_out_category),
	BOOL(ce_contact_changed, ContactChanged, opted_out),
};
static SHAPE(contact_changed_shape, ce_contact_changed, contact_changed, contact_changed_rows);

static const struct row contact_merged_rows[] = {
	UUID(ce_contact_merged, ContactMerged, from_contact),
	UUID(ce_contact_merged, ContactMerged, into_contact),
	UUID(ce_contact_merged, ContactMerged, into_conversation),
};
static SHAPE(contact_merged_shape, ce_contact_merged, contact_merged, contact_merged_rows);

static const struct row contact_erased_rows[] = {
	UUID(ce_contact_erased, ContactErased, contact),
};
static SHAPE(contact_erased_shape, ce_contact_erased, contact_erased, contact_erased_rows);

static const struct row group_updated_rows[] = {
	PART(ce_group_updated, GroupUpdated, group, group_view),
	ANY(ce_group_updated, GroupUpdated, action),
	LIST(ce_group_updated, GroupUpdated, participants, participant, WIRE_MAX_PARTICIPANTS),
	ANY(ce_group_updated, GroupUpdated, text),
};
static SHAPE(group_updated_shape, ce_group_updated, group_updated, group_updated_rows);

static const struct row conversation_updated_rows[] = {
	COUNT(ce_conversation_updated, ConversationUpdated, unread),
	TIME(ce_conversation_updated, ConversationUpdated, last_read_at_ms),
	BOOL(ce_conversation_updated, ConversationUpdated, archived),
	TEXTS(ce_conversation_updated, ConversationUpdated, changed, MAX_CHANGED_FACTS),
};
static SHAPE(conversation_updated_shape, ce_conversation_updated, conversation_updated, conversation_updated_rows);

static const struct row sync_rows[] = {
	ANY(ce_sync, SyncProgress, sync_id),
	ANY(ce_sync, SyncProgress, status),
	COUNT(ce_sync, SyncProgress, synced),
	COUNT(ce_sync, SyncProgress, skipped),
	COUNT(ce_sync, SyncProgress, rejected),
	COUNT(ce_sync, SyncProgress, total),
	TIME(ce_sync, SyncProgress, started_at_ms),
	NUMBER(ce_sync, SyncProgress, duration_ms),
	COUNT(ce_sync, SyncProgress, percent),
	COUNT(ce_sync, SyncProgress, batches),
	COUNT(ce_sync, SyncProgress, batches_total),
};
static SHAPE(sync_shape, ce_sync, sync_progress, sync_rows);

static const struct row session_state_rows[] = {
	ANY(ce_session_state, SessionChanged, status),
	ANY(ce_session_state, SessionChanged, previous),
	ANY(ce_session_state, SessionChanged, reason),
	ANY(ce_session_state, SessionChanged, details),
};
static SHAPE(session_state_shape, ce_session_state, session_changed, session_state_rows);

static const struct row account_rows[] = {
	ANY(ce_account, AccountEvent, kind),
	ANY(ce_account, AccountEvent, severity),
	ANY(ce_account, AccountEvent, text),
	PART(ce_account, AccountEvent, error, provider_error),
	ANY(ce_account, AccountEvent, extra),
};
static SHAPE(account_shape, ce_account, account_event, account_rows);

static const struct row template_status_rows[] = {
	ANY(in_template_status, TemplateChanged, name),
	ANY(in_template_status, TemplateChanged, language),
	ANY(in_template_status, TemplateChanged, category),
	ANY(in_template_status, TemplateChanged, status),
	ANY(in_template_status, TemplateChanged, quality),
	ANY(in_template_status, TemplateChanged, reason),
};
static SHAPE(template_status_shape, in_template_status, template_changed, template_status_rows);

static const struct row campaign_rows[] = {
	UUID_AS(ce_campaign, campaign, CampaignEvent, campaign_id),
	ANY(ce_campaign, CampaignEvent, kind),
	NUMBER(ce_campaign, CampaignEvent, recipients),
	NUMBER(ce_campaign, CampaignEvent, sent),
	NUMBER(ce_campaign, CampaignEvent, delivered),
	NUMBER(ce_campaign, CampaignEvent, read),
	NUMBER(ce_campaign, CampaignEvent, failed),
	NUMBER(ce_campaign, CampaignEvent, skipped),
	NUMBER(ce_campaign, CampaignEvent, unknown),
	ANY(ce_campaign, CampaignEvent, reason),
	ANY(ce_campaign, CampaignEvent, code),
};
static SHAPE(campaign_shape, ce_campaign, campaign_event, campaign_rows);

static const struct row endpoint_rows[] = {
	UUID_AS(ce_endpoint, endpoint, EndpointEvent, endpoint_id),
	ANY(ce_endpoint, EndpointEvent, kind),
	ANY(ce_endpoint, EndpointEvent, reason),
	UUID_AS(ce_endpoint, subject_event, EndpointEvent, subject_event_id),
};
static SHAPE(endpoint_shape, ce_endpoint, endpoint_event, endpoint_rows);

static const struct row source_rows[] = {
	ANY(event_source, Source, producer),
	COUNT(event_source, Source, slot),
	NUMBER(event_source, Source, epoch),
	NUMBER(event_source, Source, seq),
	COUNT(event_source, Source, index),
	ANY(event_source, Source, topic),
};
static SHAPE(event_source_shape, event_source, source, source_rows);

static const struct row event_rows[] = {
	UUID_AS(chat_event, id, ChatEvent, event_id),
	UUID_AS(chat_event, workspace, ChatEvent, workspace_id),
	UUID_AS(chat_event, account, ChatEvent, account_id),
	UUID_AS(chat_event, conversation, ChatEvent, conversation_id),
	NUMBER(chat_event, ChatEvent, sequence),
	TIME(chat_event, ChatEvent, occurred_at_ms),
	ENUM(chat_event, ChatEvent, origin, ORIGIN_SYNC),
	PART(chat_event, ChatEvent, source, event_source),
	ENUM(chat_event, ChatEvent, provider, PROVIDER_WEBJS),
};
static SHAPE(event_shape, chat_event, chat_event, event_rows);

#define VARIANT(type, number, sh) { type, BLAZZ__V1__CHAT_EVENT__EVENT_##number, &(sh) }

static const struct variant variants[CE_KINDS] = {
	[CE_NONE] = { "", 0, NULL },
	[CE_MESSAGE_CREATED] = VARIANT("message.created", MESSAGE_CREATED, created_shape),
	[CE_MESSAGE_EDITED] = VARIANT("message.edited", MESSAGE_EDITED, edited_shape),
	[CE_MESSAGE_REVOKED] = VARIANT("message.revoked", MESSAGE_REVOKED, revoked_shape),
	[CE_MESSAGE_STATUS] = VARIANT("message.status", MESSAGE_STATUS, status_shape),
	[CE_MESSAGE_REACTION] = VARIANT("message.reaction", MESSAGE_REACTION, reaction_shape),
	[CE_CONTACT_CREATED] = VARIANT("contact.created", CONTACT_CREATED, contact_changed_shape),
	[CE_CONTACT_UPDATED] = VARIANT("contact.updated", CONTACT_UPDATED, contact_changed_shape),
	[CE_CONTACT_MERGED] = VARIANT("contact.merged", CONTACT_MERGED, contact_merged_shape),
	[CE_CONTACT_ERASED] = VARIANT("contact.erased", CONTACT_ERASED, contact_erased_shape),
	[CE_GROUP_UPDATED] = VARIANT("group.updated", GROUP_UPDATED, group_updated_shape),
	[CE_CONVERSATION_UPDATED] = VARIANT("conversation.updated", CONVERSATION_UPDATED, conversation_updated_shape),
	[CE_SYNC_PROGRESS] = VARIANT("sync.progress", SYNC_PROGRESS, sync_shape),
	[CE_SYNC_COMPLETED] = VARIANT("sync.completed", SYNC_COMPLETED, sync_shape),
	[CE_SESSION_STATE] = VARIANT("session.state", SESSION_STATE, session_state_shape),
	[CE_ACCOUNT_NOTICE] = VARIANT("account.notice", ACCOUNT_NOTICE, account_shape),
	[CE_TEMPLATE_STATUS] = VARIANT("template.status", TEMPLATE_STATUS, template_status_shape),
	[CE_ACCOUNT_MIGRATED] = VARIANT("account.migrated", ACCOUNT_MIGRATED, account_shape),
	[CE_ACCOUNT_CLEANED] = VARIANT("account.cleaned", ACCOUNT_CLEANED, account_shape),
	[CE_CAMPAIGN] = VARIANT("campaign", CAMPAIGN, campaign_shape),
	[CE_ENDPOINT] = VARIANT("endpoint", ENDPOINT, endpoint_shape),
};

const struct envelope chat_event_envelope = {
	.shape = &event_shape,
	.variants = variants,
	.n_variants = CE_KINDS,
	.kind = OFFSET(struct chat_event, kind, unsigned),
	.u = (uint16_t)offsetof(struct chat_event, u),
	.case_at = (uint16_t)offsetof(Blazz__V1__ChatEvent, event_case),
	.event = (uint16_t)offsetof(Blazz__V1__ChatEvent, message_created),
};
