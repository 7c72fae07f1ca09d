/* The shapes of InboundEvent and its kinds (proto/blazz/v1/inbound.proto). */
#include "blazz/v1/inbound.pb-c.h"
#include "wire/inbound.h"
#include "wire/rows.h"
#include "wire/shapes.h"

static const struct row message_rows[] = {
	PART(in_message, Message, chat, chat_ref),
	ID_TEXT(in_message, Message, key),
	ID_TEXT(in_message, Message, provider_id),
	ID_TEXT(in_message, Message, client_message_id),
	ENUM(in_message, Message, direction, DIR_OUTBOUND),
	PART(in_message, Message, sender, party),
	ENUM(in_message, Message, type, MSG_TEMPLATE),
	BOOL(in_message, Message, placeholder),
	BODY_TEXT(in_message, Message, body),
	OPTIONAL(in_message, Message, media, media),
	OPTIONAL(in_message, Message, location, location),
	OPTIONAL(in_message, Message, quoted, quoted),
	PART(in_message, Message, error, provider_error),
	ENUM(in_message, Message, status, STATUS_DELETED),
	JSON_OBJECT(in_message, Message, extra),
	BOOL(in_message, Message, synthetic_key),
	UUID_TEXT(in_message, Message, user_id),
};
static SHAPE(in_message_shape, in_message, message, message_rows);

static const struct row status_rows[] = {
	PART(in_status, StatusUpdate, target, target),
	PART(in_status, StatusUpdate, chat, chat_ref),
	ENUM(in_status, StatusUpdate, status, STATUS_DELETED),
	PART(in_status, StatusUpdate, participant, party),
	PART(in_status, StatusUpdate, error, provider_error),
	ID_TEXT(in_status, StatusUpdate, client_message_id),
	LINK_TEXT(in_status, StatusUpdate, callback_data),
	JSON_OBJECT(in_status, StatusUpdate, extra),
};
static SHAPE(status_shape, in_status, status_update, status_rows);

static const struct row edit_rows[] = {
	PART(in_edit, MessageEdit, target, target),
	PART(in_edit, MessageEdit, chat, chat_ref),
	ENUM(in_edit, MessageEdit, direction, DIR_OUTBOUND),
	PART(in_edit, MessageEdit, sender, party),
	BODY_TEXT(in_edit, MessageEdit, body),
	ID_TEXT(in_edit, MessageEdit, caption_of),
};
static SHAPE(edit_shape, in_edit, message_edit, edit_rows);

static const struct row revoke_rows[] = {
	PART(in_revoke, MessageRevoke, target, target),
	PART(in_revoke, MessageRevoke, chat, chat_ref),
	ENUM(in_revoke, MessageRevoke, direction, DIR_OUTBOUND),
	PART(in_revoke, MessageRevoke, sender, party),
};
static SHAPE(revoke_shape, in_revoke, message_revoke, revoke_rows);

static const struct row reaction_rows[] = {
	PART(in_reaction, Reaction, target, target),
	PART(in_reaction, Reaction, chat, chat_ref),
	ENUM(in_reaction, Reaction, direction, DIR_OUTBOUND),
	PART(in_reaction, Reaction, sender, party),
	TEXT(in_reaction, Reaction, emoji, WIRE_MAX_EMOJI_BYTES),
};
static SHAPE(reaction_shape, in_reaction, reaction, reaction_rows);

static const struct row poll_vote_rows[] = {
	PART(in_poll_vote, PollVote, target, target),
	PART(in_poll_vote, PollVote, chat, chat_ref),
	ENUM(in_poll_vote, PollVote, direction, DIR_OUTBOUND),
	PART(in_poll_vote, PollVote, voter, party),
	TEXTS(in_poll_vote, PollVote, options, WIRE_MAX_OPTIONS),
};
static SHAPE(poll_vote_shape, in_poll_vote, poll_vote, poll_vote_rows);

static const struct row group_change_rows[] = {
	PART(in_group_change, GroupChange, group, group_ref),
	ENUM(in_group_change, GroupChange, action, GROUP_DELETE),
	PART(in_group_change, GroupChange, actor, party),
	LIST(in_group_change, GroupChange, participants, participant, WIRE_MAX_PARTICIPANTS),
	BODY_TEXT(in_group_change, GroupChange, text),
	JSON_OBJECT(in_group_change, GroupChange, settings),
	ID_TEXT(in_group_change, GroupChange, invite_code),
	BOOL(in_group_change, GroupChange, snapshot),
};
static SHAPE(group_change_shape, in_group_change, group_change, group_change_rows);

static const struct row unread_rows[] = {
	I32_AS(in_chat_state, unread, ChatState__UnreadCount, count, -1, INT32_MAX),
};
static SHAPE(unread_shape, in_chat_state, chat_state__unread_count, unread_rows);

static const struct row archived_rows[] = {
	BOOL(in_chat_state, ChatState__Archived, archived),
};
static SHAPE(archived_shape, in_chat_state, chat_state__archived, archived_rows);

static const struct row chat_state_rows[] = {
	PART(in_chat_state, ChatState, chat, chat_ref),
	FLAT_OPTIONAL(in_chat_state, has_unread, ChatState, unread, unread_shape),
	FLAT_OPTIONAL(in_chat_state, has_archived, ChatState, archived, archived_shape),
	LIST(in_chat_state, ChatState, participants, participant, WIRE_MAX_PARTICIPANTS),
	BOOL(in_chat_state, ChatState, has_participants),
	BODY_TEXT(in_chat_state, ChatState, description),
	PART(in_chat_state, ChatState, owner, party),
	TIME(in_chat_state, ChatState, group_created_ms),
	ID_TEXT(in_chat_state, ChatState, invite_code),
	JSON_OBJECT(in_chat_state, ChatState, settings),
};
static SHAPE(in_chat_state_shape, in_chat_state, chat_state, chat_state_rows);

static const struct row history_message_rows[] = {
	PART(in_history_message, SyncChat__HistoryMessage, message, in_message),
	TIME(in_history_message, SyncChat__HistoryMessage, source_time_ms),
	BOOL(in_history_message, SyncChat__HistoryMessage, time_suspect),
};
static SHAPE(in_history_message_shape, in_history_message, sync_chat__history_message, history_message_rows);

static const struct row sync_chat_rows[] = {
	ID_TEXT(in_sync_chat, SyncChat, sync_id),
	COUNT(in_sync_chat, SyncChat, index),
	COUNT(in_sync_chat, SyncChat, rank),
	PART(in_sync_chat, SyncChat, state, in_chat_state),
	LIST(in_sync_chat, SyncChat, messages, in_history_message, WIRE_MAX_SYNC_MESSAGES),
	BOOL(in_sync_chat, SyncChat, continued),
};
static SHAPE(sync_chat_shape, in_sync_chat, sync_chat, sync_chat_rows);

static const struct row sync_batch_end_rows[] = {
	ID_TEXT(in_sync_batch_end, SyncBatchEnd, sync_id),
	COUNT(in_sync_batch_end, SyncBatchEnd, index),
	COUNT(in_sync_batch_end, SyncBatchEnd, total),
	BOOL(in_sync_batch_end, SyncBatchEnd, last),
	COUNT(in_sync_batch_end, SyncBatchEnd, chats),
	COUNT(in_sync_batch_end, SyncBatchEnd, rejected),
};
static SHAPE(sync_batch_end_shape, in_sync_batch_end, sync_batch_end, sync_batch_end_rows);

static const struct row history_state_rows[] = {
	COUNT(in_history_state, HistoryState, phase),
	COUNT(in_history_state, HistoryState, chunk),
	I32(in_history_state, HistoryState, progress, 0, 100),
	BOOL(in_history_state, HistoryState, declined),
	PART(in_history_state, HistoryState, error, provider_error),
};
static SHAPE(history_state_shape, in_history_state, history_state, history_state_rows);

static const struct row contact_rows[] = {
	PART(in_contact, ContactCard, party, party),
	ENUM(in_contact, ContactCard, action, CONTACT_REMOVE),
	NAME_TEXT(in_contact, ContactCard, first_name),
	NAME_TEXT(in_contact, ContactCard, last_name),
	NAME_TEXT(in_contact, ContactCard, full_name),
	ID_TEXT(in_contact, ContactCard, email),
	LINK_TEXT(in_contact, ContactCard, profile_picture),
	BOOL(in_contact, ContactCard, from_address_book),
	BOOL(in_contact, ContactCard, by_hand),
};
static SHAPE(contact_shape, in_contact, contact_card, contact_rows);

static const struct row identity_change_rows[] = {
	ENUM(in_identity_change, IdentityChange, kind, IDENTITY_MERGED),
	PART_AS(in_identity_change, old_party, IdentityChange, old, party),
	{ .type = ROW_PART,
		.shape = &party_shape,
		OURS(in_identity_change, new_party, struct party),
		.name = "new", /* protobuf-c's member is new_, for C++ */
		.theirs = (uint16_t)offsetof(Blazz__V1__IdentityChange, new_) },
	NUMBER(in_identity_change, IdentityChange, old_contact),
	NUMBER(in_identity_change, IdentityChange, new_contact),
	BODY_TEXT(in_identity_change, IdentityChange, text),
	ID_TEXT(in_identity_change, IdentityChange, key),
};
static SHAPE(identity_change_shape, in_identity_change, identity_change, identity_change_rows);

static const struct row opt_out_rows[] = {
	PART(in_opt_out, OptOut, party, party),
	ID_TEXT(in_opt_out, OptOut, category),
	BOOL(in_opt_out, OptOut, stop),
};
static SHAPE(opt_out_shape, in_opt_out, opt_out, opt_out_rows);

static const struct row session_state_rows[] = {
	ENUM(in_session_state, SessionState, state, SESSION_FAILED),
	ENUM(in_session_state, SessionState, reason, REASON_UNKNOWN),
	LINK_TEXT(in_session_state, SessionState, details),
	PHONE(in_session_state, SessionState, phone),
};
static SHAPE(session_state_shape, in_session_state, session_state, session_state_rows);

static const struct row account_notice_rows[] = {
	ID_TEXT(in_account_notice, AccountNotice, kind),
	ENUM(in_account_notice, AccountNotice, severity, SEVERITY_CRITICAL),
	BODY_TEXT(in_account_notice, AccountNotice, text),
	PART(in_account_notice, AccountNotice, error, provider_error),
	JSON_OBJECT(in_account_notice, AccountNotice, extra),
};
static SHAPE(account_notice_shape, in_account_notice, account_notice, account_notice_rows);

static const struct row template_status_rows[] = {
	ID_TEXT(in_template_status, TemplateStatus, provider_template_id),
	NAME_TEXT(in_template_status, TemplateStatus, name),
	ID_TEXT(in_template_status, TemplateStatus, language),
	ID_TEXT(in_template_status, TemplateStatus, category),
	ID_TEXT(in_template_status, TemplateStatus, status),
	ID_TEXT(in_template_status, TemplateStatus, quality),
	LINK_TEXT(in_template_status, TemplateStatus, reason),
	JSON_ARRAY(in_template_status, TemplateStatus, components),
};
static SHAPE(template_status_shape, in_template_status, template_status, template_status_rows);

static const struct row call_rows[] = {
	ID_TEXT(in_call, Call, call_id),
	PART(in_call, Call, chat, chat_ref),
	ENUM(in_call, Call, direction, DIR_OUTBOUND),
	BOOL(in_call, Call, video),
	ID_TEXT(in_call, Call, outcome),
	COUNT(in_call, Call, duration_s),
};
static SHAPE(call_shape, in_call, call, call_rows);

static const struct row read_marker_rows[] = {
	PART(in_read_marker, ReadMarker, chat, chat_ref),
	UUID_TEXT(in_read_marker, ReadMarker, conversation_id),
	TIME(in_read_marker, ReadMarker, read_at_ms),
	UUID_TEXT(in_read_marker, ReadMarker, user_id),
};
static SHAPE(read_marker_shape, in_read_marker, read_marker, read_marker_rows);

static const struct row message_delete_rows[] = {
	PART(in_message_delete, MessageDelete, target, target),
	PART(in_message_delete, MessageDelete, chat, chat_ref),
	UUID_TEXT(in_message_delete, MessageDelete, user_id),
};
static SHAPE(message_delete_shape, in_message_delete, message_delete, message_delete_rows);

static const struct row dispatch_rows[] = {
	PART(in_dispatch, Dispatch, message, in_message),
	ENUM(in_dispatch, Dispatch, outcome, DISPATCH_UNKNOWN),
	PART(in_dispatch, Dispatch, error, provider_error),
};
static SHAPE(dispatch_shape, in_dispatch, dispatch, dispatch_rows);

static const struct row contact_erase_rows[] = {
	UUID_AS(in_contact_erase, contact, ContactErase, contact_id),
	ENUM(in_contact_erase, ContactErase, stage, ERASE_CONVERSATIONS),
	BOOL(in_contact_erase, ContactErase, forget_opt_outs),
	COUNT(in_contact_erase, ContactErase, aliases),
	LIST(in_contact_erase, ContactErase, names, party, WIRE_MAX_ERASE_NAMES),
	TEXTS(in_contact_erase, ContactErase, groups, WIRE_MAX_ERASE_GROUPS),
	TEXTS(in_contact_erase, ContactErase, keys, WIRE_MAX_ERASE_KEYS),
	UUID_AS(in_contact_erase, erasure, ContactErase, erasure_id),
	BYTES_AS(in_contact_erase, sealed, ContactErase, sealed_names, WIRE_MAX_ERASE_SEALED),
};
static SHAPE(contact_erase_shape, in_contact_erase, contact_erase, contact_erase_rows);

static const struct row raw_rows[] = {
	TEXT_AS(inbound_event, raw, Raw, json, WIRE_MAX_RAW_BYTES),
	BOOL_AS(inbound_event, raw_truncated, Raw, truncated),
	BYTES_AS(inbound_event, raw_sha256, Raw, sha256, 32),
};
static SHAPE(raw_shape, inbound_event, raw, raw_rows);

static const struct row event_rows[] = {
	UUID_AS(inbound_event, id, InboundEvent, event_id),
	UUID_AS(inbound_event, workspace, InboundEvent, workspace_id),
	UUID_AS(inbound_event, account, InboundEvent, account_id),
	ENUM(inbound_event, InboundEvent, provider, PROVIDER_WEBJS),
	ENUM_AS(inbound_event, bridge, InboundEvent, bridge_kind, BRIDGE_EVOLUTION),
	TIME(inbound_event, InboundEvent, source_time_ms),
	TIME(inbound_event, InboundEvent, ingest_time_ms),
	ENUM(inbound_event, InboundEvent, origin, ORIGIN_SYNC),
	BOOL(inbound_event, InboundEvent, time_suspect),
	FLAT_PART(InboundEvent, raw, raw_shape),
};
static SHAPE(event_shape, inbound_event, inbound_event, event_rows);

#define VARIANT(name, number, sh) { name, BLAZZ__V1__INBOUND_EVENT__EVENT_##number, &(sh) }

static const struct variant variants[IN_KINDS] = {
	[IN_NONE] = { "", 0, NULL },
	[IN_MESSAGE] = VARIANT("message", MESSAGE, in_message_shape),
	[IN_STATUS] = VARIANT("message_status", MESSAGE_STATUS, status_shape),
	[IN_EDIT] = VARIANT("message_edit", MESSAGE_EDIT, edit_shape),
	[IN_REVOKE] = VARIANT("message_revoke", MESSAGE_REVOKE, revoke_shape),
	[IN_REACTION] = VARIANT("reaction", REACTION, reaction_shape),
	[IN_POLL_VOTE] = VARIANT("poll_vote", POLL_VOTE, poll_vote_shape),
	[IN_GROUP_CHANGE] = VARIANT("group_change", GROUP_CHANGE, group_change_shape),
	[IN_CHAT_STATE] = VARIANT("chat_state", CHAT_STATE, in_chat_state_shape),
	[IN_SYNC_CHAT] = VARIANT("sync_chat", SYNC_CHAT, sync_chat_shape),
	[IN_SYNC_BATCH_END] = VARIANT("sync_batch_end", SYNC_BATCH_END, sync_batch_end_shape),
	[IN_HISTORY_STATE] = VARIANT("history_state", HISTORY_STATE, history_state_shape),
	[IN_CONTACT] = VARIANT("contact", CONTACT, contact_shape),
	[IN_IDENTITY_CHANGE] = VARIANT("identity_change", IDENTITY_CHANGE, identity_change_shape),
	[IN_OPT_OUT] = VARIANT("opt_out", OPT_OUT, opt_out_shape),
	[IN_SESSION_STATE] = VARIANT("session_state", SESSION_STATE, session_state_shape),
	[IN_ACCOUNT_NOTICE] = VARIANT("account_notice", ACCOUNT_NOTICE, account_notice_shape),
	[IN_TEMPLATE_STATUS] = VARIANT("template_status", TEMPLATE_STATUS, template_status_shape),
	[IN_CALL] = VARIANT("call", CALL, call_shape),
	[IN_READ_MARKER] = VARIANT("read_marker", READ_MARKER, read_marker_shape),
	[IN_MESSAGE_DELETE] = VARIANT("message_delete", MESSAGE_DELETE, message_delete_shape),
	[IN_DISPATCH] = VARIANT("dispatch", DISPATCH, dispatch_shape),
	[IN_CONTACT_ERASE] = VARIANT("contact_erase", CONTACT_ERASE, contact_erase_shape),
};

const struct envelope inbound_envelope = {
	.shape = &event_shape,
	.variants = variants,
	.n_variants = IN_KINDS,
	.kind = OFFSET(struct inbound_event, kind, unsigned),
	.u = (uint16_t)offsetof(struct inbound_event, u),
	.case_at = (uint16_t)offsetof(Blazz__V1__InboundEvent, event_case),
	.event = (uint16_t)offsetof(Blazz__V1__InboundEvent, message),
};
