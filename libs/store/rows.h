/* Rows of the tables that conversations are made of, as chat-sync has them in memory. Strings live in the arena that
 * the reading call was given. Times are microseconds since 1970; PG_NO_TIME is null. */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include "pg/pg.h"
#include "wire/inbound.h"

struct account_row {
	int64_t workspace_id, id;
	struct uuid workspace, uuid;
	enum provider provider;
	enum bridge_kind bridge;
	struct str phone_number, business_id;
	char region[3]; /* default phone region of the workspace, "" for none */
	bool sync_enabled; /* workspace settings sync.enabled */
	int32_t sync_max_chats, sync_window_days;
	int32_t retention_days; /* workspace settings retention.messages_days; 0: messages are kept for ever */
	struct str status; /* the account's */
	int64_t status_since_us, status_at_us; /* when it changed to that, and was last reported */
	int64_t first_connected_us, last_connected_us, disconnected_us;
	struct str disconnect_reason, disconnect_details;
	struct str reported_phone; /* of the session, as it was reported last */
	int32_t disconnects; /* unwanted ones to add to disconnect_count */
	struct str sync; /* jsonb, as it was read */
	/* Members to set, null: to remove; absent: none. Marks that a sweep sets meanwhile stay. */
	struct str sync_patch;
	bool has_parked; /* anything in parked_updates */
	bool deleted; /* the account, or its workspace */
	bool workspace_goes; /* its workspace cannot be restored any more: rows may be missing */
	bool sent; /* it sent something: last_activity_at moves to now */
};

enum alias_kind { ALIAS_PHONE, ALIAS_LID, ALIAS_BSUID, ALIAS_USERNAME, ALIAS_JID };
const char *store_alias_kind_word(enum alias_kind k);
enum alias_kind store_alias_kind_parse(struct str word); /* a word of the above */

struct alias_row {
	int64_t workspace_id, contact_id;
	enum alias_kind kind;
	struct str scope, value; /* a phone's value is its match key */
};

struct contact_row {
	int64_t workspace_id, id;
	struct uuid uuid;
	struct str first_name, last_name, full_name, phone, match_key, email, profile_picture;
	int16_t name_rank; /* 0 none, 1 push name, 2 address book, 3 by hand */
	int64_t name_at_us; /* when the source reported it; PG_NO_TIME: it only filled a gap */
	bool in_address_book;
	int64_t email_at_us, picture_at_us, address_book_at_us;
	int64_t merged_into; /* 0: not merged */
	int32_t merges; /* how many contacts were merged into this one */
	bool erased;
	enum provider source;
	int64_t source_account_id;
};

struct group_row {
	int64_t workspace_id, id;
	struct uuid uuid;
	struct str jid, name, description, owner_phone, participants, participant_log, invite_code, settings,
		settings_times;
	int32_t participants_count;
	int64_t name_at_us, description_at_us, invite_code_at_us, group_created_us, snapshot_us;
	bool deleted;
};

struct conversation_row {
	int64_t workspace_id, id, account_id;
	int64_t contact_id, group_id; /* one of them is 0 */
	struct uuid uuid;
	int64_t sequence;
	int32_t unread;
	int64_t last_read_us, last_message_us, last_inbound_us;
	int64_t last_message_id;
	struct str last_sender;
	bool archived;
	int64_t archived_us; /* when the source last reported whether it is archived */
	int64_t merged_into; /* 0: not merged */
};

struct message_row {
	int64_t workspace_id, id, account_id, conversation_id;
	struct str key, wam_id, client_message_id;
	enum direction direction;
	enum message_type type;
	enum message_status status;
	struct str sender;
	enum origin origin;
	bool placeholder;
	struct str metadata; /* jsonb, an object; absent: see store_messages_find(), store_messages() */
	int64_t sent_us, delivered_us, read_us, edited_us, revoked_us, deleted_us;
	int64_t user_id, deleted_by; /* 0: null */
};

#endif
