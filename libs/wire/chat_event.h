/* ChatEvent as a validated struct (proto/blazz/v1/chat_event.proto), with its encoding and decoding. */
#ifndef WIRE_CHAT_EVENT_H
#define WIRE_CHAT_EVENT_H

#include "base/buf.h"
#include "wire/inbound.h"
#include "wire/source.h"

enum chat_event_kind {
	CE_NONE,
	CE_MESSAGE_CREATED,
	CE_MESSAGE_EDITED,
	CE_MESSAGE_REVOKED,
	CE_MESSAGE_STATUS,
	CE_MESSAGE_REACTION,
	CE_CONTACT_CREATED,
	CE_CONTACT_UPDATED,
	CE_CONTACT_MERGED,
	CE_CONTACT_ERASED,
	CE_GROUP_UPDATED,
	CE_CONVERSATION_UPDATED,
	CE_SYNC_PROGRESS,
	CE_SYNC_COMPLETED,
	CE_SESSION_STATE,
	CE_ACCOUNT_NOTICE,
	CE_TEMPLATE_STATUS,
	CE_ACCOUNT_MIGRATED,
	CE_ACCOUNT_CLEANED,
	CE_CAMPAIGN,
	CE_ENDPOINT,
	CE_KINDS
};
/* The type that tenants see: "message.created", "contact.updated", "session.state", ... For campaigns and endpoints
 * only the first half, "campaign" or "endpoint": chat_event_full_type() returns the whole type. "" for CE_NONE. */
const char *chat_event_type(enum chat_event_kind k);
/* Also accepts full types ("campaign.started"). CE_NONE for an unknown one. */
enum chat_event_kind chat_event_kind_parse(struct str type);

struct contact_view {
	struct uuid id; /* nil: absent */
	struct str name, phone;
};

struct group_view {
	struct uuid id; /* nil: absent */
	struct str jid, name;
	int32_t participants_count;
};

struct message_view {
	int64_t id;
	struct uuid uuid;
	struct str key, provider_id, client_message_id;
	enum direction direction;
	enum message_type type;
	enum message_status status;
	struct str body;
	struct media media;
	struct location location;
	struct quoted quoted;
	int64_t sent_at_ms;
	bool is_read, placeholder;
	struct str metadata;
};

struct chat_event {
	struct uuid id, workspace, account, conversation; /* conversation nil: none */
	int64_t sequence, occurred_at_ms;
	enum origin origin;
	enum provider provider;
	struct event_source source;
	enum chat_event_kind kind;
	union {
		struct ce_message_created {
			struct message_view message;
			struct contact_view contact;
			struct group_view group;
			struct contact_view sender;
		} message_created;
		struct ce_message_edited {
			int64_t message_id;
			struct uuid message_uuid;
			struct str body;
			int64_t edited_at_ms;
			bool filled; /* a placeholder got its content: `message` has the whole message */
			struct message_view message;
		} message_edited;
		struct ce_message_revoked {
			int64_t message_id;
			struct uuid message_uuid;
			int64_t revoked_at_ms;
			bool for_us_only;
		} message_revoked;
		struct ce_message_status {
			int64_t message_id;
			struct uuid message_uuid;
			enum message_status status;
			int64_t at_ms;
			struct str client_message_id;
			struct provider_error error;
			struct party participant;
			struct str extra;
		} message_status;
		struct ce_message_reaction {
			int64_t message_id;
			struct uuid message_uuid;
			struct party sender;
			bool from_me, vote;
			struct str emoji;
			struct str *options;
			size_t n_options;
		} message_reaction;
		struct ce_contact_changed {
			struct contact_view contact;
			struct str *changed;
			size_t n_changed;
			struct str opt_out_category;
			bool opted_out;
		} contact_changed; /* CE_CONTACT_CREATED, CE_CONTACT_UPDATED */
		struct ce_contact_merged {
			struct uuid from_contact, into_contact, into_conversation;
		} contact_merged;
		struct ce_contact_erased {
			struct uuid contact;
		} contact_erased;
		struct ce_group_updated {
			struct group_view group;
			struct str action;
			struct participant *participants;
			size_t n_participants;
			struct str text;
		} group_updated;
		struct ce_conversation_updated {
			int32_t unread;
			int64_t last_read_at_ms;
			bool archived;
			struct str *changed;
			size_t n_changed;
		} conversation_updated;
		struct ce_sync {
			struct str sync_id, status;
			int32_t synced, skipped, rejected, total;
			int64_t started_at_ms, duration_ms;
			int32_t percent, batches, batches_total;
		} sync; /* CE_SYNC_PROGRESS, CE_SYNC_COMPLETED */
		struct ce_session_state {
			struct str status, previous, reason, details;
		} session_state;
		struct ce_account {
			struct str kind, severity, text, extra;
			struct provider_error error;
		} account; /* CE_ACCOUNT_NOTICE, CE_ACCOUNT_MIGRATED, CE_ACCOUNT_CLEANED */
		struct in_template_status template_status;
		struct ce_campaign {
			struct uuid campaign;
			struct str kind, reason, code;
			int64_t recipients, sent, delivered, read, failed, skipped, unknown;
		} campaign;
		struct ce_endpoint {
			struct uuid endpoint;
			struct str kind, reason;
			struct uuid subject_event;
		} endpoint;
	} u;
};

#define CHAT_EVENT_TYPE_SIZE 80
/* The full type: "campaign.started", "endpoint.disabled", "message.created". Borrows from `out`. */
struct str chat_event_full_type(const struct chat_event *e, char out[static CHAT_EVENT_TYPE_SIZE]);

/* Appends the encoded event to `out`. ERR_INPUT: DEAD_TOO_LARGE above WIRE_MAX_RECORD_BYTES, else the reasons of
 * chat_event_decode(), because an event that could not be decoded is not written. Hot path: no allocation per field. */
int chat_event_encode(const struct chat_event *e, struct buf *out, struct err *err) ERR_MUST_USE;
/* ERR_INPUT with the reasons of inbound_decode(). JSON in fields is not parsed again, as only Blazz writes to
 * chat-event. An absent origin means live. */
int chat_event_decode(struct chat_event *out, struct str bytes, struct arena *a, struct err *err) ERR_MUST_USE;
/* The record's key: "<workspace>:<conversation>", or with the account, campaign or endpoint for an event without a
 * conversation. */
void chat_event_key(const struct chat_event *e, char out[static 74]);
/* Sets the event's id to the UUIDv8 of (inbound id, full type, subject's UUID), both ids as their 16 bytes. */
void chat_event_derive_id(struct chat_event *e, const struct uuid *inbound_id, const struct uuid *subject);

#endif
