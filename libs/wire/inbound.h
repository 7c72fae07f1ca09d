/* InboundEvent as a validated struct, with its encoding and decoding. proto/blazz/v1/inbound.proto says what each field
 * means. */
#ifndef WIRE_INBOUND_H
#define WIRE_INBOUND_H

#include "base/arena.h"
#include "base/err.h"
#include "wire/party.h"

#define WIRE_MAX_RAW_BYTES (64 * 1024) /* of raw JSON in an event; longer JSON is truncated, flagged and hashed */

enum inbound_kind {
	IN_NONE, /* a variant that this version does not know */
	IN_MESSAGE,
	IN_STATUS,
	IN_EDIT,
	IN_REVOKE,
	IN_REACTION,
	IN_POLL_VOTE,
	IN_GROUP_CHANGE,
	IN_CHAT_STATE,
	IN_SYNC_CHAT,
	IN_SYNC_BATCH_END,
	IN_HISTORY_STATE,
	IN_CONTACT,
	IN_IDENTITY_CHANGE,
	IN_OPT_OUT,
	IN_SESSION_STATE,
	IN_ACCOUNT_NOTICE,
	IN_TEMPLATE_STATUS,
	IN_CALL,
	IN_READ_MARKER,
	IN_MESSAGE_DELETE,
	IN_DISPATCH,
	IN_CONTACT_ERASE,
	IN_KINDS
};
const char *inbound_kind_word(enum inbound_kind k); /* the oneof's field name: "message", "message_status", ... */

struct in_message {
	struct chat_ref chat;
	struct str key, provider_id, client_message_id;
	enum direction direction;
	struct party sender;
	enum message_type type;
	bool placeholder, synthetic_key;
	struct str body;
	struct media media;
	struct location location;
	struct quoted quoted;
	struct provider_error error;
	enum message_status status;
	struct str extra; /* a JSON object */
	struct str user_id;
};

struct in_status {
	struct target target;
	struct chat_ref chat;
	enum message_status status;
	struct party participant;
	struct provider_error error;
	struct str client_message_id, callback_data, extra;
};

struct in_edit {
	struct target target;
	struct chat_ref chat;
	enum direction direction;
	struct party sender;
	struct str body, caption_of;
};

struct in_revoke {
	struct target target;
	struct chat_ref chat;
	enum direction direction;
	struct party sender;
};

struct in_reaction {
	struct target target;
	struct chat_ref chat;
	enum direction direction;
	struct party sender;
	struct str emoji; /* absent or empty: withdrawn */
};

struct in_poll_vote {
	struct target target;
	struct chat_ref chat;
	enum direction direction;
	struct party voter;
	struct str *options;
	size_t n_options;
};

enum group_action {
	GROUP_NONE,
	GROUP_CREATE,
	GROUP_SUBJECT,
	GROUP_DESCRIPTION,
	GROUP_ADD,
	GROUP_REMOVE,
	GROUP_JOIN,
	GROUP_LEAVE,
	GROUP_PROMOTE,
	GROUP_DEMOTE,
	GROUP_INVITE,
	GROUP_SETTINGS,
	GROUP_DELETE,
};
const char *group_action_word(enum group_action a);

struct in_group_change {
	struct group_ref group;
	enum group_action action;
	struct party actor;
	struct participant *participants;
	size_t n_participants;
	struct str text, settings, invite_code;
	bool snapshot;
};

struct in_chat_state {
	struct chat_ref chat;
	bool has_unread;
	int32_t unread; /* -1: the user marked the chat as unread */
	bool has_archived, archived;
	bool has_participants;
	struct participant *participants;
	size_t n_participants;
	struct str description;
	struct party owner;
	int64_t group_created_ms;
	struct str invite_code, settings;
};

struct in_history_message {
	struct in_message message;
	int64_t source_time_ms;
	bool time_suspect;
};

struct in_sync_chat {
	struct str sync_id;
	int32_t index, rank;
	struct in_chat_state state;
	struct in_history_message *messages; /* a message may omit its chat: decoding sets it to the state's */
	size_t n_messages;
	bool continued;
};

struct in_sync_batch_end {
	struct str sync_id;
	int32_t index, total;
	bool last;
	int32_t chats, rejected;
};

struct in_history_state {
	int32_t phase, chunk, progress;
	bool declined;
	struct provider_error error;
};

enum contact_action { CONTACT_NONE, CONTACT_UPSERT, CONTACT_REMOVE };

struct in_contact {
	struct party party;
	enum contact_action action;
	struct str first_name, last_name, full_name, email, profile_picture;
	bool from_address_book, by_hand;
};

enum identity_kind { IDENTITY_NONE, IDENTITY_ALIAS, IDENTITY_NUMBER_CHANGED, IDENTITY_MERGED };

struct in_identity_change {
	enum identity_kind kind;
	struct party old_party, new_party;
	int64_t old_contact, new_contact;
	struct str text, key;
};

struct in_opt_out {
	struct party party;
	struct str category;
	bool stop;
};

enum session_word {
	SESSION_NONE,
	SESSION_STARTING,
	SESSION_QR,
	SESSION_AUTHENTICATED,
	SESSION_CONNECTED,
	SESSION_DISCONNECTED,
	SESSION_FAILED,
};
enum session_reason {
	REASON_NONE,
	REASON_USER_INITIATED,
	REASON_INSTANCE_RESTART,
	REASON_TIMEOUT,
	REASON_ERROR,
	REASON_QR_EXPIRED,
	REASON_UNKNOWN,
};
const char *session_status_word(enum session_word
		w); /* the account's status column: "qr_scanning", ...; "" for STARTING */
const char *session_reason_word(enum session_reason r);

struct in_session_state {
	enum session_word state;
	enum session_reason reason;
	struct str details, phone;
};

enum severity { SEVERITY_NONE, SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_CRITICAL };
const char *severity_word(enum severity s);

struct in_account_notice {
	struct str kind;
	enum severity severity;
	struct str text;
	struct provider_error error;
	struct str extra;
};

struct in_template_status {
	struct str provider_template_id, name, language, category, status, quality, reason;
	struct str components; /* a JSON array */
};

struct in_call {
	struct str call_id;
	struct chat_ref chat;
	enum direction direction;
	bool video;
	struct str outcome;
	int32_t duration_s;
};

struct in_read_marker {
	struct chat_ref chat;
	struct str conversation_id;
	int64_t read_at_ms;
	struct str user_id;
};

struct in_message_delete {
	struct target target;
	struct chat_ref chat;
	struct str user_id;
};

enum dispatch_outcome { DISPATCH_NONE, DISPATCH_SENT, DISPATCH_FAILED, DISPATCH_UNKNOWN };

struct in_dispatch {
	struct in_message message;
	enum dispatch_outcome outcome;
	struct provider_error error;
};

enum erase_stage { ERASE_NONE, ERASE_IDENTITY, ERASE_GROUPS, ERASE_MESSAGES, ERASE_CONVERSATIONS };

struct in_contact_erase {
	struct uuid contact;
	enum erase_stage stage;
	bool forget_opt_outs;
	int32_t aliases;
	struct party *names;
	size_t n_names;
	struct str *groups, *keys;
	size_t n_groups, n_keys;
	struct uuid erasure;
	struct str sealed; /* of ERASE_IDENTITY: the names, as in erasures.aliases */
};

struct inbound_event {
	struct uuid id, workspace, account;
	enum provider provider;
	enum bridge_kind bridge;
	int64_t source_time_ms; /* 0: unknown */
	int64_t ingest_time_ms;
	enum origin origin; /* never ORIGIN_NONE after inbound_decode */
	bool time_suspect;
	struct str raw; /* JSON */
	bool raw_truncated;
	struct str raw_sha256; /* 32 bytes when truncated */
	enum inbound_kind kind;
	union {
		struct in_message message;
		struct in_status status;
		struct in_edit edit;
		struct in_revoke revoke;
		struct in_reaction reaction;
		struct in_poll_vote poll_vote;
		struct in_group_change group_change;
		struct in_chat_state chat_state;
		struct in_sync_chat sync_chat;
		struct in_sync_batch_end sync_batch_end;
		struct in_history_state history_state;
		struct in_contact contact;
		struct in_identity_change identity_change;
		struct in_opt_out opt_out;
		struct in_session_state session_state;
		struct in_account_notice account_notice;
		struct in_template_status template_status;
		struct in_call call;
		struct in_read_marker read_marker;
		struct in_message_delete message_delete;
		struct in_dispatch dispatch;
		struct in_contact_erase contact_erase;
	} u;
};

/* The effective time of an event: its source time, or its ingest time when the source time is unknown or suspect. */
int64_t inbound_time_ms(const struct inbound_event *e);
/* The same for a message of a sync chat. */
int64_t inbound_message_time_ms(const struct inbound_event *e, const struct in_history_message *m);

/* Decodes bytes into a struct in the arena; nothing borrows from `bytes` afterwards. An absent origin means live, an
 * absent message type unknown. ERR_INPUT with the reason for the dead letter:
 * - DEAD_DECODE: not protobuf, or a string that is not UTF-8 or contains a NUL;
 * - DEAD_UNSUPPORTED: a variant or enum value that this version does not know;
 * - DEAD_RULE: a required field is missing, an id is not a UUID, JSON is not of its type, a chat is neither contact nor
 *   group, a sync chat has more than 50 messages, a number is out of range. */
int inbound_decode(struct inbound_event *out, struct str bytes, struct arena *a, struct err *err) ERR_MUST_USE;

/* Checks a struct against the same rules, with the same reasons. Ingest calls it before it publishes;
 * inbound_encode() does not check. */
int inbound_check(const struct inbound_event *e, struct err *err) ERR_MUST_USE;

/* Encodes a struct into the arena. ERR_INPUT, DEAD_TOO_LARGE when it exceeds WIRE_MAX_RECORD_BYTES even without its
 * raw JSON, which is removed first (and flagged as truncated). */
int inbound_encode(const struct inbound_event *e, struct arena *a, struct str *out, struct err *err) ERR_MUST_USE;

/* The record's key: "<workspace>:<account>", 73 characters and a NUL. */
void inbound_key(const struct inbound_event *e, char out[static 74]);

/* Sets the deterministic event id: UUIDv8 of (account's 16 bytes, kind's word, provider key, time, content). The
 * time, as decimal text, is the source time or, without one, the ingest time. */
void inbound_derive_id(struct inbound_event *e, struct str provider_key, struct str content);

#endif
