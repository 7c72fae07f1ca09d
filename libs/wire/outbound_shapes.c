/* The shapes of SendMessage and CampaignCommand (proto/blazz/v1/outbound.proto). */
#include "blazz/v1/outbound.pb-c.h"
#include "wire/rows.h"
#include "wire/send_record.h"
#include "wire/shapes.h"

static const struct row template_rows[] = {
	NAME_TEXT(send_template, Template, name),
	ID_TEXT(send_template, Template, language),
	JSON_ARRAY(send_template, Template, components),
};
static SHAPE(send_template_shape, send_template, template, template_rows);

#define RECIPIENT(number) ONEOF(SendMessage, to_case, BLAZZ__V1__SEND_MESSAGE__TO_##number)

/* The first row of the oneof that has a value is written: a contact before a chat, as struct send_message says. */
static const struct row send_rows[] = {
	UUID_AS(send_record, message.request, SendMessage, request_id),
	UUID_AS(send_record, message.workspace, SendMessage, workspace_id),
	UUID_AS(send_record, message.account, SendMessage, account_id),
	{ .type = ROW_UUID,
		OURS(send_record, message.contact, struct uuid),
		THEIRS(SendMessage, contact_id, ProtobufCBinaryData),
		RECIPIENT(CONTACT_ID) },
	{ .type = ROW_OPTIONAL,
		.shape = &group_ref_shape,
		OURS(send_record, message.chat.group, struct group_ref),
		.n_ours = OFFSET(struct send_record, message.chat.is_group, bool),
		THEIR_MESSAGE(SendMessage, group),
		RECIPIENT(GROUP) },
	{ .type = ROW_PART,
		.shape = &party_shape,
		OURS(send_record, message.chat.contact, struct party),
		THEIR_MESSAGE(SendMessage, address),
		RECIPIENT(ADDRESS) },
	ENUM_AS(send_record, message.kind, SendMessage, kind, SEND_READ),
	ENUM_AS(send_record, message.type, SendMessage, type, MSG_TEMPLATE),
	BODY_TEXT(send_record, SendMessage, body),
	OPTIONAL(send_record, SendMessage, media, media),
	OPTIONAL(send_record, SendMessage, location, location),
	{ .type = ROW_OPTIONAL,
		.shape = &send_template_shape,
		OURS(send_record, template, struct send_template),
		.n_ours = OFFSET(struct send_record, template.present, bool),
		.name = "template", /* protobuf-c's member is template_, for C++ */
		.theirs = (uint16_t)offsetof(Blazz__V1__SendMessage, template_) },
	JSON_OBJECT(send_record, SendMessage, extra),
	TEXT(send_record, SendMessage, emoji, WIRE_MAX_EMOJI_BYTES),
	PART_AS(send_record, message.reply_to, SendMessage, reply_to, target),
	UUID_AS(send_record, message.user, SendMessage, user_id),
	TIME_AS(send_record, message.deadline_ms, SendMessage, deadline_ms),
	TIME_AS(send_record, message.requested_at_ms, SendMessage, requested_at_ms),
	BOOL_AS(send_record, message.allow_other_number, SendMessage, allow_other_number),
};
SHAPE(send_record_shape, send_record, send_message, send_rows);

static const struct row command_rows[] = {
	UUID_AS(campaign_command, request, CampaignCommand, request_id),
	UUID_AS(campaign_command, workspace, CampaignCommand, workspace_id),
	UUID_AS(campaign_command, campaign, CampaignCommand, campaign_id),
	ENUM(campaign_command, CampaignCommand, action, CAMPAIGN_RETRY_FAILED),
	UUID_AS(campaign_command, user, CampaignCommand, user_id),
	TIME(campaign_command, CampaignCommand, requested_at_ms),
	LINK_TEXT(campaign_command, CampaignCommand, reason),
	ID_TEXT(campaign_command, CampaignCommand, code),
};
SHAPE(campaign_command_shape, campaign_command, campaign_command, command_rows);
