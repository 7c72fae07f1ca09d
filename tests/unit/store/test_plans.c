/* Every index has its query, and every query of many rows finds them by key: in tables that have grown since they were last
 * analysed, and in analysed ones. */
#include "unit.h"

#include "db.h"
#include "store/statements.h"

/* Tables large enough that a batch of 1,000 must not read them whole. */
#define ROWS \
	"INSERT INTO whatsapp_accounts (workspace_id, session_id, provider_type, bridge_kind, phone_number_id, waba_id, status, status_since," \
	" assigned_instance_index, disconnect_reason, disconnected_at, provider_ref) SELECT 1 + g % 2, 'x' || g, 'webjs', 'waha', 'pn' || g," \
	" 'wb' || g % 500, (ARRAY['connected', 'connected', 'disconnected', 'failed'])[1 + g % 4], now() - g * interval '1 minute', g % 300," \
	" CASE WHEN g % 50 = 0 THEN 'timeout' END, CASE WHEN g % 50 = 0 THEN now() - g * interval '1 minute' END, 'r' || g" \
	" FROM generate_series(1, 10000) g;" \
	"INSERT INTO session_cleanup_logs (workspace_id, account_id, cleanup_type, reason, executed_at) SELECT workspace_id, id, 'scheduled'," \
	" 'stale_qr', now() - n * interval '1 h' FROM whatsapp_accounts, generate_series(1, 3) n;" \
	"INSERT INTO account_control (workspace_id, account_id) SELECT workspace_id, id FROM whatsapp_accounts;" \
	"INSERT INTO instances (kind, url) SELECT 'waha', 'http://w' || g FROM generate_series(1, 2000) g;" \
	"INSERT INTO erasures (workspace_id, contact, requested_by, aliases) SELECT 1, gen_random_uuid(), '', 'x' FROM generate_series(1, 5000);" \
	"INSERT INTO provider_apps (kind, secrets) SELECT 'meta', 'x' FROM generate_series(1, 5000);" \
	"INSERT INTO account_qr (workspace_id, account_id, code, expires_at) SELECT workspace_id, id, 'x', now() + interval '1 day'" \
	" FROM whatsapp_accounts;" \
	"INSERT INTO users (workspace_id, name, email, role) SELECT 1, g, g, 'agent' FROM generate_series(1, 2000) g;" \
	"INSERT INTO contacts (workspace_id, id, source_type, first_name, phone) SELECT 1, g, 'webjs', 'Name ' || md5(g::text)," \
	" '+62' || 81000000000 + g FROM generate_series(1, 50000) g;" \
	"INSERT INTO contact_aliases (workspace_id, contact_id, kind, value) SELECT 1, g, 'phone', '62' || g" \
	" FROM generate_series(1, 50000) g;" \
	"INSERT INTO contact_former_aliases (workspace_id, contact_id, kind, value, until) SELECT 1, g, 'phone', '62' || g, now()" \
	" FROM generate_series(1, 20000) g;" \
	"INSERT INTO whatsapp_groups (workspace_id, id, group_jid, name) SELECT 1, g, g || '@g.us', 'Group ' || md5(g::text)" \
	" FROM generate_series(1, 50000) g;" \
	"INSERT INTO conversations (workspace_id, id, account_id, contact_id, last_message_at) SELECT 1, g, 1 + g % 2, g, now() - g * interval '1 s'" \
	" FROM generate_series(1, 50000) g;" \
	"INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, client_message_id, type, message_type, message_status," \
	" origin, metadata, sent_at) SELECT 1, g, 1, 1 + g % 50000, 'true:' || g, CASE WHEN g % 10 = 0 THEN 'c' || g END, 'inbound', 'text'," \
	" 'delivered', 'live', jsonb_build_object('body', repeat('word ', 20)), now() - g * interval '1 s' FROM generate_series(1, 100000) g;" \
	"INSERT INTO conversation_merges (workspace_id, conversation_id, into_id, topic, partition) SELECT 1, g, g + 1, 't', g % 24" \
	" FROM generate_series(1, 20000) g;" \
	"INSERT INTO chat_reactions (workspace_id, chat_id, sender, emoji, at) SELECT 1, g, CASE WHEN g % 2 = 0 THEN 'me' ELSE g::text END, 'x', now() FROM generate_series(1, 20000) g;" \
	"INSERT INTO chat_reactions_withdrawn (workspace_id, chat_id, sender, at) SELECT 1, g, g::text, now() FROM generate_series(20001, 40000) g;" \
	"INSERT INTO chat_receipts (workspace_id, chat_id, participant, status, at) SELECT 1, g, 'p' || g % 5000, 'read', now() FROM generate_series(1, 20000) g;" \
	"INSERT INTO sender_renames (workspace_id, sender, contact_id, topic, partition) SELECT 1, g, g, 't', g % 24 FROM generate_series(1, 20000) g;" \
	"INSERT INTO chat_media (workspace_id, chat_id) SELECT 1, g FROM generate_series(1, 20000) g;" \
	"INSERT INTO account_syncs (workspace_id, account_id, sync_id, index, open) SELECT workspace_id, id, n, 0, id % 100 = 0" \
	" FROM whatsapp_accounts, generate_series(1, 4) n;" \
	"INSERT INTO parked_updates (workspace_id, account_id, kind, target, event_id, record_value, record_headers, topic, partition," \
	" record_offset, record_timestamp_ms, expires_at) SELECT 1, 1, 'status', 'true:x' || g, gen_random_uuid(), '', '', 't', g % 24, g, 0," \
	" now() + g * interval '1 s' FROM generate_series(1, 20000) g;" \
	"INSERT INTO outbox (producer, slot, epoch, seq, records) SELECT 'chat-sync', g % 24, 1, g, 'x' FROM generate_series(1, 20000) g"
/* Attempts fill yesterday's partition and today's alike, whatever the hour: how much of a table is on which side of midnight decides
 * about plans, too. */
#define TODAY "date_trunc('day', now(), 'UTC')"
#define WEBHOOK_ROWS \
	"ALTER TABLE webhook_endpoints DISABLE TRIGGER check_count;" /* more of one workspace than it may have */ \
	"INSERT INTO webhook_endpoints (workspace_id, id, url, secrets) SELECT 1, g, 'u', '' FROM generate_series(1, 20000) g;" \
	"INSERT INTO webhook_positions (workspace_id, endpoint_id, topic, partition, next_offset) SELECT 1, g, 't', g % 24, 1" \
	" FROM generate_series(1, 20000) g;" \
	"INSERT INTO webhook_replays (workspace_id, id, endpoint_id, since, completed_at) SELECT 1, g, g, now(), CASE WHEN g % 500 > 0 THEN now() END" \
	" FROM generate_series(1, 5000) g;" \
	"INSERT INTO webhook_positions (workspace_id, endpoint_id, replay_id, topic, partition, start_offset, next_offset, until_offset)" \
	" SELECT 1, g, g, 't', p, 1, 1, 1 FROM generate_series(1, 5000) g, generate_series(0, 3) p;" \
	"INSERT INTO webhook_retry_queue (workspace_id, id, endpoint_id, event_id, event_type, url, ordering_key, source_partition, source_offset," \
	" source_timestamp_ms, max_retries, next_retry_at, status, updated_at) SELECT 1, g, 1 + g % 2000, gen_random_uuid(), 't', 'u'," \
	" gen_random_uuid(), g % 24, g, 1, 1, CASE g % 10 WHEN 0 THEN now() + (g - 50000) * interval '1 s' ELSE 'infinity' END," \
	" (ARRAY['pending', 'pending', 'pending', 'success'])[1 + g % 4], now() - g * interval '1 s' FROM generate_series(1, 100000) g;" \
	"BEGIN;" \
	"SELECT day_partitions_maintain('webhook_attempts', 0, 30);" \
	"INSERT INTO webhook_attempts (workspace_id, endpoint_id, event_id, event_type, chat_id, attempt, outcome, at, excerpt) SELECT 1," \
	" 1 + g % 500, gen_random_uuid(), 'message.created', g, 1, 'success', " TODAY \
	" + (g - 50000) * interval '1.7 s', 'ok'" \
	" FROM generate_series(1, 100000) g;" \
	"COMMIT"

/* 1,000 campaigns of 90 recipients each, of which two hundred are sent, and single messages. */
#define SENDING_ROWS \
	"INSERT INTO contact_opt_outs (workspace_id, contact_id, category, since) SELECT 1, g, 'all', now() FROM generate_series(1, 20000) g;" \
	"INSERT INTO templates (workspace_id, id, account_id, provider_template_id, name, language) SELECT 1, g, 1, g, g, 'id' FROM generate_series(1, 5000) g;" \
	"INSERT INTO contact_groups (workspace_id, id, name) SELECT 1, g, 'g' FROM generate_series(1, 2000) g;" \
	"INSERT INTO contact_group_members (workspace_id, group_id, address) SELECT 1, 1 + g % 20, '62' || g FROM generate_series(1, 50000) g;" \
	"INSERT INTO undeliverable (workspace_id, address, code, since) SELECT 1, '62' || g, 'x', now() FROM generate_series(1, 20000) g;" \
	"INSERT INTO portfolio_hours (workspace_id, business_id, hour, slot) SELECT 1, 'b' || g % 500, now() - g * interval '1 minute', 1" \
	" FROM generate_series(1, 20000) g;" \
	"INSERT INTO campaigns (workspace_id, id, name, campaign_type, partition, status, prepared_at, first_send_id, last_send_id) SELECT 1, g, 'c'," \
	" 'instant', g % 24, CASE WHEN g % 5 = 0 THEN 'running' ELSE 'completed' END, now(), g * 90, g * 90 + 89 FROM generate_series(1, 1000) g;" \
	"INSERT INTO campaign_segments (workspace_id, campaign_id, segment, account_id, partition, done) SELECT 1, g, n, 1 + n, g % 24, g % 5 > 0" \
	" FROM generate_series(1, 1000) g, generate_series(0, 3) n;" \
	"INSERT INTO campaign_counts (workspace_id, campaign_id, source, slot) SELECT 1, g, 'lane', n FROM generate_series(1, 1000) g," \
	" generate_series(0, 11) n;" \
	"INSERT INTO send_lanes (workspace_id, account_id, partition) SELECT workspace_id, id, id % 24 FROM whatsapp_accounts;" \
	"INSERT INTO sends (workspace_id, id, campaign_id, segment, contact_id, address, status, account_id, next_attempt_at) SELECT 1, g, g / 90," \
	" g % 4, 1 + g % 50000, '62' || g, 'pending', CASE WHEN g % 40 = 0 THEN 1 + g % 2 END, CASE WHEN g % 20 = 0 THEN now() - g * interval '1 s' END" \
	" FROM generate_series(90, 90000) g;" \
	"INSERT INTO sends (workspace_id, id, request_id, contact_id, address, account_id, status, next_attempt_at) SELECT 1, g, gen_random_uuid()," \
	" 1 + g % 50000, '62' || g, 1 + g % 2, CASE WHEN g % 20 > 1 THEN 'sent' ELSE 'pending' END," \
	" CASE g % 20 WHEN 0 THEN now() - g * interval '1 s' WHEN 1 THEN 'infinity' END FROM generate_series(100001, 130000) g;" \
	"BEGIN;" \
	"SELECT day_partitions_maintain('send_attempts', 0, 30);" \
	"INSERT INTO send_attempts (workspace_id, send_id, account_id, generation, attempt, class, at) SELECT 1, g % 5000, 1, 0, 1, 'decided'," \
	" " TODAY " + (g - 10000) * interval '1.7 s' FROM generate_series(1, 20000) g;" \
	"COMMIT"

/* EXECUTE takes functions, but no subqueries. */
#define FUNCTION_IDS \
	"CREATE FUNCTION test_ids() RETURNS bigint[] LANGUAGE sql AS 'SELECT array_agg(g * 20) FROM generate_series(1::bigint, 1000) g'"
#define FUNCTION_TEXTS \
	"CREATE FUNCTION test_texts(form text) RETURNS text[] LANGUAGE sql AS" \
	" 'SELECT array_agg(replace(form, ''#'', (g * 20)::text)) FROM generate_series(1, 1000) g'"

/* A batch of 1,000: the tenant's number, ids, keys; # stands for the id. */
#define ONES        "array_fill(1::bigint, ARRAY[1000])"
#define IDS         "test_ids()"
#define TEXTS(form) "test_texts('" form "')"
#define TIMES       "array_fill(now(), ARRAY[1000])"
#define N3          ", NULL, NULL, NULL"
#define MOVED       ONES ", " IDS ", " IDS ", NULL, " IDS
#define FINDINGS    ONES ", " IDS N3 ", NULL"
#define ALIASES     ONES ", " TEXTS("phone") ", " TEXTS("") ", " TEXTS("62#")

#define ZEROS    "array_fill(0, ARRAY[1000])"
#define UUIDS    "array_fill(gen_random_uuid(), ARRAY[1000])"
#define FALSES   "array_fill(false, ARRAY[1000])"
#define OPT_OUTS "contact_opt_outs_workspace_id_contact_id_account_id_categor_key"
#define SEALED_AGAIN \
	"array_fill(1::bigint, ARRAY[100]), (test_ids())[1:100], array_fill('x'::bytea, ARRAY[100]), array_fill('y'::bytea, ARRAY[100])"
#define AUDIENCE    "2000, ARRAY[1, 2], ARRAY[3], ARRAY[1, 2], 'webjs', true, true, 7, 7"
#define PAGE        "1, 7, 1, 5000" /* of 50,000 rows */
#define INDEXES_MAX 8

/* Statements of libs/store by name with their arguments, and the indexes that they must use. */
static const struct {
	const char *name, *args /* NULL: none */, *indexes[INDEXES_MAX];
} statements[] = {
	{ "messages_find", ONES ", " ONES ", " TEXTS("true:#") ", " ONES ", NULL", { "chats_key" } },
	{ "messages_at", ONES ", " IDS ", " TIMES ", " TEXTS("inbound") ", " TEXTS("true:#") ", " TEXTS(""),
		{ "chats_conversation", "conversation_merges_into" } },
	{ "messages_by_client_id", ONES ", " ONES ", " TEXTS("c#"), { "chats_client_message" } },
	{ "messages_store", ONES ", " IDS N3 N3 N3 N3 N3 N3, { "chats_pkey" } },
	{ "reactions_store", ONES ", " IDS ", " TEXTS("me") ", " TEXTS("") ", " TIMES ", NULL, NULL",
		{ "chat_reactions_pkey" } },
	{ "reactions_move", ONES ", " IDS ", " TEXTS("me") ", " TEXTS("#"),
		{ "chat_reactions_pkey", "chat_reactions_withdrawn_pkey" } },
	{ "receipts_rename", ONES ", " IDS ", " TEXTS("p") ", " TEXTS("#"), { "chat_receipts_pkey" } },
	{ "sender_renames_begin", ONES ", " TEXTS("#") ", " IDS ", " TEXTS("t") ", NULL",
		{ "chat_receipts_participant", "chat_reactions_sender", "chat_reactions_withdrawn_sender" } },
	{ "sender_renames_slice", "1000, " ONES ", " TEXTS("#") ", " TEXTS("p"),
		{ "chat_receipts_participant", "chat_reactions_sender", "chat_reactions_withdrawn_sender",
			"chats_pkey" } },
	{ "sender_renames_end", ONES ", " TEXTS("#"),
		{ "sender_renames_pkey", "chat_receipts_participant", "chat_reactions_sender",
			"chat_reactions_withdrawn_sender" } },
	{ "sender_renames_advance", ONES ", " TEXTS("#"), { "sender_renames_pkey" } },
	{ "sender_renames_due", "'t', ARRAY[1, 2]", { "sender_renames_due" } },
	{ "sender_renames_of", "1, 7, 100", { "sender_renames_contact" } },
	{ "sender_renames_redirect", "1, 7, 9", { "sender_renames_contact" } },
	{ "sender_renames_count", "33, " ONES ", " IDS, { "sender_renames_contact" } },
	{ "sender_renames_named", ONES ", " IDS ", " IDS,
		{ "sender_renames_contact", "contacts_pkey", "chat_receipts_pkey", "chat_reactions_pkey",
			"chat_reactions_withdrawn_pkey" } },
	{ "sender_renames_named_by_message", ONES ", " IDS ", " IDS,
		{ "sender_renames_pkey", "contacts_pkey", "chat_receipts_pkey", "chat_reactions_pkey",
			"chat_reactions_withdrawn_pkey" } },
	{ "contacts_hold", ONES ", " IDS, { "contacts_pkey" } },
	{ "contacts_merged", "1, 7", { "contacts_merged" } },
	{ "conversations_find", ONES ", " ONES ", " IDS ", NULL, NULL, " IDS,
		{ "conversations_peer", "conversations_workspace_id_uuid_key" } },
	{ "conversations_of_person", ONES ", " ONES ", " IDS, { "contacts_merged", "conversations_peer" } },
	{ "conversations_load", ONES ", " IDS, { "conversations_pkey" } },
	{ "conversations_create", ONES ", " ONES ", " IDS ", NULL, NULL", { "contacts_pkey" } },
	{ "conversations_store", ONES ", " IDS N3 N3 N3, { "conversations_pkey" } },
	{ "conversations_recount", ONES ", " IDS ", NULL", { "chats_conversation" } },
	{ "conversations_unread_marks", ONES ", " IDS ", array_fill(3, ARRAY[1000]), " TIMES,
		{ "chats_conversation" } },
	{ "conversations_merging", "'t', 10, ARRAY[1, 2]", { "conversation_merges_due" } },
	{ "conversations_merge_redirect", "1, 7, 9", { "conversation_merges_into" } },
	{ "conversations_merge_slice", "1, 7, 9, now(), 1000", { "chats_conversation", "chats_key" } },
	{ "conversations_merge_named", ONES ", " ONES ", " TEXTS("true:#") ", " IDS,
		{ "conversation_merges_into", "conversation_merges_pkey", "chats_key" } },
	{ "conversations_merge_lock", MOVED, { "chats_pkey" } },
	{ "conversations_merge_receipts", MOVED, { "chat_receipts_pkey" } },
	{ "conversations_merge_reactions", MOVED, { "chat_reactions_pkey" } },
	{ "conversations_merge_reactions_resolve", MOVED, { "chat_reactions_pkey", "chat_reactions_withdrawn_pkey" } },
	{ "conversations_merge_media", MOVED, { "chat_media_pkey" } },
	{ "conversations_merge_collapse", MOVED, { "chats_pkey" } },
	{ "conversations_merge_move", MOVED, { "chats_pkey" } },
	{ "conversations_merge_count", MOVED, { "conversations_pkey" } },
	{ "aliases_find", ALIASES, { "contact_aliases_pkey", "contacts_pkey" } },
	{ "aliases_delete", ALIASES, { "contact_aliases_pkey" } },
	{ "contacts_store", ONES ", " IDS N3 N3 N3 N3, { "contacts_pkey" } },
	{ "contacts_lock", "1, ARRAY[5, 7]::bigint[]", { "contacts_pkey" } },
	{ "contacts_merge_aliases", "1, 7, 9", { "contact_aliases_contact" } },
	{ "erasure_person", "1, '00000000-0000-4000-8000-000000000001'",
		{ "contacts_workspace_id_uuid_key", "contacts_merged", "contacts_pkey" } },
	{ "erasure_lock", "1, ARRAY[5, 7]::bigint[]", { "contacts_pkey" } },
	{ "erasure_identity", "1, 5, ARRAY[5, 7]::bigint[]",
		{ "contact_aliases_contact", "contact_former_aliases_contact", OPT_OUTS, "contacts_pkey" } },
	{ "erasure_move_aliases", "1, 9, ARRAY[5, 7]::bigint[]", { "contact_aliases_contact" } },
	{ "erasure_move_opt_outs", "1, 9, ARRAY[5, 7]::bigint[]", { OPT_OUTS } },
	{ "erasure_aliases", "1, ARRAY[5, 7]::bigint[]", { "contact_aliases_contact" } },
	{ "erasure_former_aliases", "1, ARRAY[5, 7]::bigint[]", { "contact_former_aliases_contact" } },
	{ "erasure_opt_outs", "1, ARRAY[5, 7]::bigint[]", { OPT_OUTS } },
	{ "erasure_renames", "1, ARRAY[5, 7]::bigint[]", { "sender_renames_contact" } },
	{ "erasure_contacts", "1, ARRAY[5, 7]::bigint[]", { "contacts_pkey" } },
	{ "erasure_messages", "1, 1, ARRAY[5, 7]::bigint[], " TEXTS("true:#") ", ARRAY['phone 625', 'lid 7']",
		{ "chats_key", "conversations_pkey", "contact_aliases_contact" } },
	{ "erasure_receipts", "1, " IDS, { "chat_receipts_pkey" } },
	{ "erasure_reactions", "1, " IDS, { "chat_reactions_pkey" } },
	{ "erasure_withdrawn", "1, " IDS, { "chat_reactions_withdrawn_pkey" } },
	{ "erasure_media", "1, " IDS, { "chat_media_pkey" } },
	{ "erasure_chats", "1, " IDS, { "chats_pkey" } },
	{ "erasure_scrub", ONES ", " IDS ", NULL", { "chats_pkey" } },
	{ "erasure_newest", ONES ", " IDS, { "chats_conversation" } },
	{ "erasure_conversations_busy", "1, " IDS,
		{ "chats_conversation", "conversation_merges_pkey", "conversation_merges_into" } },
	{ "erasure_keep_names", "1, gen_random_uuid(), '00000000-0000-4000-8000-000000000001', false, 'x'",
		{ "erasures_contact" } },
	{ "erasure_conversations", "1, ARRAY[5, 7]::bigint[]", { "conversations_pkey" } },
	{ "erasure_due", "1, NULL", { "erasures_open" } },
	{ "erasure_sends", "1, 5, 100, ARRAY[5, 7]::bigint[], now(), NULL, ARRAY['625'], ARRAY[now()]",
		{ "sends_pkey", "send_attempts" } },
	{ "erasure_webhooks", "1, 5, 100, ARRAY[5, 7]::bigint[], now(), NULL, ARRAY['625'], ARRAY[now()]",
		{ "webhook_retry_queue_pkey", "conversations_peer", "conversations_workspace_id_uuid_key" } },
	{ "erasure_others", "1, ARRAY[5, 7]::bigint[], ARRAY['phone', 'lid'], ARRAY['', ''], ARRAY['625', '7']",
		{ "contact_aliases_pkey", "contacts_pkey" } },
	{ "erasure_others_add", "1, ARRAY[5, 7]::bigint[], false, now()", { "contacts_pkey", "conversations_peer" } },
	{ "conversations_of_contacts", "1, 1, ARRAY[5, 7]::bigint[]", { "conversations_peer" } },
	{ "aliases_find_former", ALIASES, { "contact_former_aliases_pkey", "contacts_pkey" } },
	{ "contacts_merge_former_aliases", "1, 7, 9", { "contact_former_aliases_contact" } },
	{ "contacts_merge_accounts", "1, 7", { "conversations_peer" } },
	{ "groups_lock", ONES ", " TEXTS("#@g.us") ", " IDS, { "whatsapp_groups_workspace_id_group_jid_key" } },
	{ "groups_store", ONES ", " IDS N3 N3 N3 N3 N3, { "whatsapp_groups_pkey" } },
	{ "syncs_trim", "10000, ARRAY[1, 2]::bigint[], ARRAY[1, 2]::bigint[]", { "account_syncs_pkey" } },
	{ "syncs_fail_stale", "1000", { "account_syncs_open", "whatsapp_accounts_pkey" } },
	{ "accounts_mark_history", "1000", { "whatsapp_accounts_history" } },
	{ "parked_find", ONES ", " ONES ", " TEXTS("true:x#"), { "parked_updates_target" } },
	{ "parked_count", "10000, " ONES ", " IDS, { "parked_updates_target" } },
	{ "parked_ready", "'t', 100, 2000, '2026-01-01Z', 7, ARRAY[1, 2]",
		{ "parked_updates_due", "chats_key", "chats_client_message", "parked_updates_target",
			"parked_updates_pkey" } },
	{ "parked_expire", "'t', 100, ARRAY[1, 2]", { "parked_updates_due", "parked_updates_pkey" } },
	{ "parked_delete", ONES ", " ONES ", " TEXTS("true:x#") ", array_fill(gen_random_uuid(), ARRAY[1000])",
		{ "parked_updates_target" } },
	{ "accounts_load", "array_fill(gen_random_uuid(), ARRAY[2])",
		{ "whatsapp_accounts_uuid_key", "parked_updates_target" } },
	{ "accounts_store", ONES ", " IDS N3 N3 N3 N3, { "whatsapp_accounts_pkey" } },
	{ "outbox_read", "'chat-sync', NULL, NULL, NULL, NULL, 100, ARRAY['', ''], ARRAY[1, 2]", { "outbox_pkey" } },
	{ "outbox_delete",
		"'chat-sync', array_fill(''::text, ARRAY[64]), array_fill(1, ARRAY[64]), array_fill(1::bigint, ARRAY[64]), " IDS,
		{ "outbox_pkey" } },
	{ "users_find", ONES ", NULL", { "users_workspace_id_uuid_key" } },
	{ "endpoints_read_some", "array_fill(gen_random_uuid(), ARRAY[100])",
		{ "webhook_endpoints_uuid_key", "workspaces_pkey" } },
	{ "endpoints_lock", ONES ", " IDS, { "webhook_endpoints_pkey" } },
	{ "endpoints_fails", FINDINGS, { "webhook_endpoints_pkey" } },
	{ "endpoints_exhausted", FINDINGS, { "webhook_endpoints_pkey" } },
	{ "endpoints_answers", FINDINGS, { "webhook_endpoints_pkey" } },
	{ "endpoints_disable", FINDINGS, { "webhook_endpoints_pkey" } },
	{ "positions_read", "'t', ARRAY[1, 2]", { "webhook_positions_partition" } },
	{ "positions_delete", "'t', " ONES ", " IDS ", array_fill(1, ARRAY[1000])", { "webhook_positions_key" } },
	{ "positions_delete_of_endpoints", "'t', ARRAY[1, 2], ARRAY[1, 1], ARRAY[7, 9]", { "webhook_positions_key" } },
	{ "replays_read", NULL, { "webhook_replays_running", "webhook_endpoints_pkey" } },
	{ "replays_lock", "ARRAY[7, 9]", { "webhook_replays_running" } },
	{ "replays_finish", "'c', 't', ARRAY[7, 9]", { "webhook_replays_running" } },
	{ "replay_positions_read", "'t', ARRAY[1, 2]", { "webhook_replays_running", "webhook_positions_replay" } },
	{ "replay_attempted", "1, 7, " TODAY " - interval '1 hour', NULL, 1000", { "webhook_attempts_endpoint" } },
	{ "replay_waiting", "1, 7", { "webhook_retry_queue_event" } },
	{ "retries_find", ONES ", " IDS ", array_fill(gen_random_uuid(), ARRAY[1000])",
		{ "webhook_retry_queue_event" } },
	{ "retries_take",
		"'me', " ONES ", " IDS
		", array_fill(gen_random_uuid(), ARRAY[1000]), array_fill('pending'::text, ARRAY[1000]), " ONES ", " IDS
		", " IDS ", NULL",
		{ "webhook_retry_queue_event", "webhook_retry_queue_pkey" } },
	{ "retries_finish", ONES ", " IDS N3 ", NULL", { "webhook_retry_queue_pkey" } },
	{ "retries_release", ONES ", " IDS ", array_fill(gen_random_uuid(), ARRAY[1000])",
		{ "webhook_retry_queue_order", "webhook_retry_queue_pkey" } },
	{ "retries_release_endpoints", "ARRAY[1, 2], ARRAY[1, 1], ARRAY[7, 9]",
		{ "webhook_retry_queue_order", "webhook_retry_queue_pkey" } },
	{ "retries_abandon", "ARRAY[1, 2], ARRAY[1, 1], ARRAY[7, 9]",
		{ "webhook_retry_queue_order", "webhook_retry_queue_pkey" } },
	{ "retries_claim", "'me', 100, 1000, 60000, ARRAY[1, 2]",
		{ "webhook_retry_queue_due", "webhook_retry_queue_due_by_workspace", "webhook_retry_queue_order",
			"webhook_retry_queue_pkey" } },
	{ "retries_recover", "ARRAY[1, 2]", { "webhook_retry_queue_due" } },
	{ "retries_count", "ARRAY[1, 2]", { "webhook_retry_queue_due" } },
	{ "retries_depth", "ARRAY[1, 2]", { "webhook_retry_queue_due" } },
	{ "retries_expire", "60000, 1000", { "webhook_retry_queue_age", "webhook_retry_queue_pkey" } },
	{ "sends_insert",
		ONES ", " UUIDS ", " TEXTS("message") ", NULL, " TEXTS("62#") ", " ONES ", " TEXTS("pending") N3
		", NULL",
		{ "sends_order", "sends_request" } },
	{ "sends_release", ONES ", " ONES ", " TEXTS("62#"), { "sends_order", "sends_pkey" } },
	{ "sends_release_lanes", "100, ARRAY[1, 1], ARRAY[1, 2]", { "sends_due", "sends_order", "sends_pkey" } },
	{ "sends_due", IDS ", ARRAY[1, 1], ARRAY[1, 2], ARRAY[100, 100]", { "sends_due" } },
	{ "sends_retries", IDS ", ARRAY[1, 1], ARRAY[7, 9], ARRAY[0, 1], ARRAY[100, 100]",
		{ "campaigns_pkey", "sends_retries" } },
	{ "sends_reopen_segments", ONES ", " IDS ", " ZEROS, { "campaign_segments_pkey" } },
	{ "sends_segment", "ARRAY[1, 1], ARRAY[7, 9], ARRAY[0, 1], ARRAY[0, 0], ARRAY[100, 100]",
		{ "campaigns_pkey", "sends_pkey" } },
	{ "sends_unknown", ONES ", " ONES ", " TEXTS("62#") ", " TIMES ", " TEXTS("#"),
		{ "sends_order", "send_lanes_pkey", "sends_pkey" } },
	{ "send_references_find",
		UUIDS ", " UUIDS ", " UUIDS ", " TEXTS("phone") ", " TEXTS("") ", " TEXTS("62#") ", " TEXTS("#@g.us"),
		{ "workspaces_uuid_key", "sends_request", "contacts_workspace_id_uuid_key", "contacts_pkey",
			"contact_aliases_pkey", "contact_aliases_contact", "conversations_peer",
			"whatsapp_groups_workspace_id_group_jid_key" } },
	{ "sends_stored", ONES ", " UUIDS, { "chats_client_message" } },
	{ "sends_stored_recipients", "now(), " ONES ", " ONES ", " ONES ", " ONES ", " TEXTS("62#") ", " ZEROS,
		{ "campaigns_pkey", "contact_aliases_pkey", "conversations_peer", "chats_conversation" } },
	{ "send_conversations", ONES ", " UUIDS ", " FALSES,
		{ "conversations_workspace_id_uuid_key", "whatsapp_groups_pkey", "contact_aliases_contact" } },
	{ "campaigns_of_templates", ONES ", " ONES ", " TEXTS("t") ", " TEXTS("id") ", NULL",
		{ "templates_pkey", "campaign_segments_pkey" } },
	{ "sends_check", "'{}', " ONES ", " IDS ", " ZEROS ", " ONES ", " ZEROS ", " FALSES,
		{ "sends_pkey", "campaigns_pkey", "templates_pkey", "contact_aliases_pkey", "contacts_pkey", OPT_OUTS,
			"workspaces_pkey", "conversations_peer" } },
	{ "sends_results", ONES ", " IDS ", " ZEROS N3 N3 N3 ", NULL, NULL", { "sends_pkey" } },
	{ "sends_results_erased", ONES ", " IDS ", " ONES, { "sends_pkey" } },
	{ "sends_postpone", ONES ", " IDS ", " ONES, { "sends_pkey" } },
	{ "sends_assume", ONES ", " IDS ", " ONES, { "sends_pkey" } },
	{ "sends_recover", "1000, " ONES ", " IDS ", " ONES ", NULL, NULL", { "sends_pkey" } },
	{ "sends_count_unknown", "60000, ARRAY[1, 2]", { "send_lanes_partition", "sends_due" } },
	{ "send_attempts_accounts", ONES ", " IDS ", " ZEROS, { "send_attempts_send" } },
	{ "sends_evidence",
		ONES ", " UUIDS ", " UUIDS ", " IDS ", " ZEROS ", " ONES
		     ", " TEXTS("62#") ", " TEXTS("sent") ", " TIMES N3 ", NULL, NULL",
		{ "sends_request", "campaigns_workspace_id_uuid_key", "sends_pkey", "sends_recipient",
			"send_lanes_pkey" } },
	{ "sending_accounts_find", UUIDS, { "whatsapp_accounts_uuid_key", "workspaces_pkey", "send_lanes_pkey" } },
	{ "sending_templates_find", ONES ", " IDS ", " TEXTS("#") ", " TEXTS("id"),
		{ "whatsapp_accounts_pkey", "whatsapp_accounts_waba",
			"templates_workspace_id_account_id_name_language_key" } },
	{ "sending_templates_read", ONES ", " IDS, { "templates_pkey" } },
	{ "send_lanes_lock", ONES ", " IDS ", " ZEROS, { "send_lanes_pkey" } },
	{ "send_lanes_read", "ARRAY[1, 2]", { "send_lanes_partition" } },
	{ "send_lanes_write", ONES ", " IDS N3 N3 N3 N3, { "send_lanes_pkey" } },
	{ "send_lanes_hold", ONES ", " IDS ", " TIMES ", NULL, NULL", { "send_lanes_pkey" } },
	{ "portfolio_read", "1, 'b7'", { "portfolio_hours_pkey" } },
	{ "campaigns_lock", "gen_random_uuid(), gen_random_uuid()",
		{ "workspaces_uuid_key", "campaigns_workspace_id_uuid_key" } },
	{ "driver_references", "1, 7", { "campaigns_pkey", "contact_groups_pkey", "templates_pkey" } },
	{ "driver_counters", "1, 7", { "campaigns_pkey" } },
	{ "driver_accounts", "1, 7", { "campaign_segments_pkey", "whatsapp_accounts_pkey" } },
	{ "driver_segments", "1, 7", { "campaign_segments_pkey" } },
	{ "driver_not_waiting", ONES ", " IDS,
		{ "campaigns_pkey", "workspaces_pkey", "campaign_segments_pkey", "whatsapp_accounts_pkey",
			"send_lanes_pkey", "portfolio_hours_pkey" } },
	{ "driver_list", "ARRAY[1, 2]", { "campaigns_active", "campaigns_ended", "workspaces_pkey" } },
	{ "campaigns_read", ONES ", " IDS, { "campaigns_pkey" } },
	{ "campaigns_windows", "'{}', " ONES ", " IDS ", " FALSES, { "campaigns_pkey", "workspaces_pkey" } },
	{ "campaigns_count", ONES ", " IDS, { "campaigns_pkey", "campaign_counts_pkey" } },
	{ "campaigns_complete", ONES ", " IDS, { "campaigns_pkey", "campaign_counts_pkey", "sends_unresolved" } },
	{ "segments_read", "ARRAY[1, 2]", { "campaign_segments_active" } },
	{ "segments_lock", ONES ", " IDS ", " ZEROS, { "campaign_segments_pkey" } },
	{ "segments_write", ONES ", " IDS ", " ZEROS ", " IDS ", NULL, NULL",
		{ "campaign_segments_pkey", "sends_retries" } },
	{ "segments_move", "1, 7, 0, 101, 103, 5", { "campaign_segments_pkey", "send_lanes_pkey", "sends_pkey" } },
	{ "segments_retry_failed", "1, 7, 0, 2000", { "campaigns_pkey", "sends_pkey", "campaign_segments_pkey" } },
	{ "audience_groups", "1, '', " AUDIENCE,
		{ "contact_group_members_pkey", "contact_aliases_pkey", "contacts_pkey", OPT_OUTS, "undeliverable_pkey",
			"conversations_peer", "chats_conversation" } },
	{ "audience_all", "1, '', " AUDIENCE,
		{ "contacts_pkey", "contact_aliases_contact", OPT_OUTS, "undeliverable_pkey", "conversations_peer" } },
	{ "audience_find_groups", "1, " UUIDS, { "contact_groups_workspace_id_uuid_key" } },
	{ "cleanup_accounts_of", "array_fill(gen_random_uuid(), ARRAY[2])",
		{ "whatsapp_accounts_uuid_key", "account_control_pkey" } },
	{ "cleanup_controls", ONES ", " IDS N3 N3 N3 N3 N3, { "account_control_pkey" } },
	{ "cleanup_assign", "1, 102, -1, 7, true",
		{ "whatsapp_accounts_pkey", "instances_pkey", "account_control_pkey" } },
	{ "cleanup_delete", "1, 102, 'connected', NULL, now(), 'scheduled', 'duplicate', NULL",
		{ NULL } }, /* by the key or, without statistics, by the status within the workspace */
	{ "cleanup_restore", "1, 102, now()", { "whatsapp_accounts_pkey", "account_control_pkey" } },
	{ "cleanup_count_restore", "1, 102", { "whatsapp_accounts_pkey" } },
	{ "retention_find", "1, 7, '-infinity', 0, now() - interval '1 day', 1000",
		{ "conversations_pkey", "chats_conversation" } },
	{ "retention_lock", "1, now(), " IDS ", " IDS, { "conversations_pkey", "chats_pkey" } },
	{ "retention_conversations", "1, " IDS, { "conversations_pkey", "whatsapp_accounts_pkey" } },
	{ "ended_sends", "86400000, 1, 500, 1000, NULL", { "sends_pkey" } },
	{ "ended_sends_delete", "86400000, " ONES ", " IDS, { "sends_pkey" } },
	{ "ended_campaign", "86400000, 1, 500, 1, 1000", { "campaigns_pkey" } },
	{ "ended_campaign_mark", "86400000, 1, 7", { "campaigns_pkey", "sends_unresolved" } },
	{ "ended_recipients", "1, 7, 500, 90000, 1000", { "sends_pkey" } },
	{ "ended_recipients_delete", "7, " ONES ", " IDS, { "sends_pkey" } },
	{ "ended_campaign_delete", "1, 7",
		{ "campaigns_pkey", "sends_recipient", "campaign_counts_pkey", "campaign_segments_pkey" } },
	{ "workspace_delete_chats", "1, 500, 5000", { "chats_pkey" } },
	{ "workspace_delete_chat_receipts", "1, 500, 5000", { "chat_receipts_pkey" } },
	{ "workspace_delete_conversations", "1, 500, 5000", { "conversations_pkey" } },
	{ "workspace_delete_sends", "1, 500, 5000", { "sends_pkey" } },
	{ "workspace_delete_webhook_attempts", "1, 1, 5000", { "webhook_attempts_endpoint" } },
	{ "workspace_delete_contact_aliases", "1, 5, 5000", { "contact_aliases_contact" } },
	{ "workspace_delete_contacts", "1, 5, 5000", { "contacts_pkey", "contacts_merged" } },
	{ "workspace_find_chats", "1, 500, 5000", { "chats_pkey" } },
	{ "workspace_deletion", "1, NULL, 1000, 1000", { "workspaces_pkey", "account_control_pkey" } },
	{ "messages_delete", "1, " IDS,
		{ "chats_pkey", "chat_receipts_pkey", "chat_reactions_pkey", "chat_reactions_withdrawn_pkey",
			"chat_media_pkey" } },
	{ "sealed_apps", "0, 102, 100", { "provider_apps_pkey" } },
	{ "sealed_accounts", "1, 102, 100", { "whatsapp_accounts_pkey" } },
	{ "sealed_endpoints", "1, 102, 100", { "webhook_endpoints_pkey" } },
	{ "sealed_instances", "0, 102, 100", { "instances_pkey" } },
	{ "sealed_erasures", "1, 102, 100", { "erasures_pkey" } },
	{ "sealed_qr", "1, 102, 100", { "account_qr_pkey", "whatsapp_accounts_pkey" } },
	{ "sealed_apps_replace", SEALED_AGAIN, { "provider_apps_pkey" } },
	{ "sealed_accounts_replace", SEALED_AGAIN, { "whatsapp_accounts_pkey" } },
	{ "sealed_endpoints_replace", SEALED_AGAIN, { "webhook_endpoints_pkey" } },
	{ "sealed_instances_replace", SEALED_AGAIN, { "instances_pkey" } },
	{ "sealed_erasures_replace", SEALED_AGAIN, { "erasures_pkey" } },
	{ "recount_unread", PAGE,
		{ "conversations_pkey", "chats_conversation", "workspaces_pkey", "whatsapp_accounts_pkey" } },
	{ "recount_participants", PAGE, { "whatsapp_groups_pkey", "workspaces_pkey" } },
	{ "recount_campaign_next", "1, 7, 1", { "campaign_counts_pkey" } },
	{ "recount_campaign", "1, 7", { "campaigns_pkey", "campaign_counts_pkey" } },
	{ "recount_recipients", "1, 7, 500, 90000, 5000", { "sends_pkey" } },
	{ "orphans_qr", PAGE ", true", { "account_qr_pkey" } },
	{ "orphans_syncs", PAGE ", true", { "whatsapp_accounts_pkey", "account_syncs_pkey" } },
	{ "orphans_logs", PAGE ", true", { "session_cleanup_logs_pkey" } },
	{ "orphans_contacts", PAGE, { "contacts_pkey", "contact_aliases_contact", "conversations_peer" } },
	{ "orphans_last_messages", PAGE, { "conversations_pkey", "chats_pkey" } },
};

/* Questions that others ask, and the index that is there for them. */
static const struct {
	const char *role, *sql, *index;
	bool sorted; /* by the index alone */
} questions[] = {
	{ ADMIN,
		"SELECT * FROM conversations WHERE workspace_id = 1 AND account_id = 1 ORDER BY last_message_at DESC NULLS LAST, id LIMIT 50",
		"conversations_list", true },
	{ ADMIN, "SELECT * FROM chats WHERE workspace_id = 1 AND conversation_id = 7 ORDER BY sent_at DESC LIMIT 50",
		"chats_conversation", true },
	{ ADMIN, "SELECT * FROM contacts WHERE workspace_id = 1 AND full_name ILIKE '%c0ffee%'",
		"contacts_full_name_trgm", false },
	{ ADMIN, "SELECT * FROM contacts WHERE workspace_id = 1 AND phone LIKE '%1000004%'", "contacts_phone_trgm",
		false },
	{ ADMIN, "SELECT * FROM whatsapp_groups WHERE workspace_id = 1 AND name ILIKE '%c0ffee%'",
		"whatsapp_groups_name_trgm", false },
	{ ADMIN, "SELECT * FROM whatsapp_accounts WHERE workspace_id = 1 AND status = 'failed'",
		"whatsapp_accounts_status", false },
	{ ADMIN, "SELECT * FROM whatsapp_accounts WHERE status = 'disconnected' ORDER BY status_since LIMIT 100",
		"whatsapp_accounts_status_since", true },
	{ ADMIN, "SELECT * FROM whatsapp_accounts WHERE assigned_instance_index = 7", "whatsapp_accounts_instance",
		false },
	{ ADMIN,
		"SELECT count(*) FROM whatsapp_accounts WHERE disconnect_reason = 'timeout' AND disconnected_at > now() - interval '1 hour'",
		"whatsapp_accounts_disconnects", false },
	{ ADMIN, "SELECT * FROM whatsapp_accounts WHERE workspace_id = 1 AND is_primary AND deleted_at IS NULL",
		"whatsapp_accounts_primary", false },
	{ "blazz_ingest", "SELECT uuid FROM whatsapp_accounts WHERE phone_number_id = 'pn7' AND deleted_at IS NULL",
		"whatsapp_accounts_phone_number_id", false },
	{ "blazz_ingest", "SELECT uuid FROM whatsapp_accounts WHERE waba_id = 'wb7' AND deleted_at IS NULL",
		"whatsapp_accounts_waba", false },
	{ "blazz_ingest", "SELECT uuid FROM whatsapp_accounts WHERE session_id = 'x7' AND deleted_at IS NULL",
		"whatsapp_accounts_session_id_key", false },
	{ "blazz_ops",
		"SELECT * FROM webhook_attempts WHERE workspace_id = 1 AND endpoint_id = 7 ORDER BY at DESC LIMIT 20",
		"webhook_attempts_endpoint", true },
	{ "blazz_ops", "SELECT * FROM session_cleanup_logs ORDER BY executed_at DESC LIMIT 50",
		"session_cleanup_logs_executed", true },
	{ "blazz_ops", "SELECT * FROM send_attempts WHERE workspace_id = 1 AND send_id = 7", "send_attempts_send",
		false },
	{ "blazz_ops", "SELECT webhook_sent_at FROM chat_webhooks WHERE workspace_id = 1 AND chat_id = 7",
		"webhook_attempts_chat", false },
};

/* Indexes that are there to forbid, not to find. */
static const char *const guards[] = { "whatsapp_accounts_provider_ref", "whatsapp_accounts_session_name",
	"whatsapp_accounts_waba_owner", "instances_url", "schema_version_one_row" };

static struct pg *dispatcher, *sender, *cleanup, *operator;

/* The statement, and a session of the first role that runs it. */
static const char *sql_of(const char *name, struct pg **session)
{
	for (size_t i = 0; i < statements_by_role_count; i++)
		for (const struct pg_stmt *const *s = statements_by_role[i].statements; *s; s++)
			if (strcmp((*s)->name, name) == 0) {
				const char *role = statements_by_role[i].role;

				*session = strcmp(role, DISPATCHER) == 0 ? dispatcher
					: strcmp(role, SENDER) == 0      ? sender
					: strcmp(role, CLEANUP) == 0     ? cleanup
									 : strcmp(role, "blazz_admin") == 0
					? operator: db.pg;
				return (*s)->sql;
			}
	fail_msg("no statement %s", name);
	return "";
}

/* The plan as text, in the arena. */
static const char *plan_of(struct pg *pg, const char *explain)
{
	struct pg_rows *rows = query(pg, explain, NULL);
	struct buf out = BUF_INIT;
	const char *text;

	for (int i = 0; i < pg_rows_count(rows); i++)
		buf_printf(&out, "%.*s\n", STR_ARG(pg_text(rows, i, 0)));
	text = arena_cstr(db.arena, buf_str(&out));
	buf_fini(&out);
	pg_rows_free(rows);
	return text;
}

/* The index, or that of a partition. */
static bool names_index(const char *plan, const char *index)
{
	char sql[200];
	struct pg_rows *rows;
	bool found = strstr(plan, index);

	snprintf(sql, sizeof(sql), "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = '%s'::regclass",
		index);
	rows = query(db.admin, sql, NULL);
	for (int i = 0; i < pg_rows_count(rows); i++)
		found = found || strstr(plan, arena_cstr(db.arena, pg_text(rows, i, 0)));
	pg_rows_free(rows);
	return found;
}

static void assert_uses(const char *plan, const char *what, const char *index)
{
	if (strstr(plan, "Seq Scan on") || strstr(plan, "Hash Join") || strstr(plan, "Merge Join"))
		fail_msg("%s reads a table whole:\n%.900s", what, plan);
	if (!names_index(plan, index))
		fail_msg("%s does not use %s:\n%.900s", what, index, plan);
}

static void statements_use_their_indexes(void)
{
	struct buf sql = BUF_INIT;

	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
		struct pg *session = NULL;
		const char *plan;

		buf_clear(&sql);
		buf_printf(&sql, "PREPARE p AS %s", sql_of(statements[i].name, &session));
		execute(session, sql.p);
		buf_clear(&sql);
		buf_printf(&sql, "EXPLAIN EXECUTE p");
		if (statements[i].args)
			buf_printf(&sql, " (%s)", statements[i].args);
		plan = plan_of(session, sql.p);
		for (size_t k = 0; k < INDEXES_MAX && statements[i].indexes[k]; k++)
			assert_uses(plan, statements[i].name, statements[i].indexes[k]);
		execute(session, "DEALLOCATE p");
	}
	buf_fini(&sql);
}

static void in_tables_that_grew_statements_use_their_indexes(void **state)
{
	(void)state;
	statements_use_their_indexes();
}

static void in_analysed_tables_statements_use_their_indexes(void **state)
{
	(void)state;
	execute(db.admin, "ANALYZE");
	statements_use_their_indexes();
}

/* In the order of the index a few rows are sorted at a time, however many messages the conversation has. */
static void pages_of_messages_end_at_their_limit(void **state)
{
	static const struct {
		const char *name, *args;
	} pages[] = {
		{ "retention_find", "1, 7, '-infinity', 0, now(), 1000" },
		{ "retention_find", "1, 7, '2026-01-01', 5, now(), 1000" },
		{ "erasure_messages_of", "1, 7, NULL, 0, 500, now(), NULL" },
		{ "erasure_messages_of", "1, 7, '2026-01-01', 5, 500, now(), NULL" },
	};
	char sql[3000];

	(void)state;
	execute(cleanup, "SET enable_incremental_sort = on"); /* as store_step_sorts_by_groups() does */
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		struct pg *session = NULL;
		const char *plan;

		snprintf(sql, sizeof(sql), "PREPARE p AS %s", sql_of(pages[i].name, &session));
		execute(session, sql);
		snprintf(sql, sizeof(sql), "EXPLAIN EXECUTE p (%s)", pages[i].args);
		plan = plan_of(session, sql);
		execute(session, "DEALLOCATE p");
		assert_uses(plan, pages[i].name, "chats_conversation");
		if (strstr(plan, ">  Sort ") || strncmp(plan, "Sort ", 5) == 0)
			fail_msg("%s sorts all messages:\n%.1500s", pages[i].name, plan);
	}
	execute(cleanup, "SET enable_incremental_sort = off");
}

static void queries_use_the_index_made_for_them(void **state)
{
	char sql[600];

	(void)state;
	execute(db.admin, "ANALYZE");
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		struct pg *pg = db_session(questions[i].role);
		const char *plan;

		snprintf(sql, sizeof(sql), "EXPLAIN %s", questions[i].sql);
		plan = plan_of(pg, sql);
		assert_uses(plan, questions[i].sql, questions[i].index);
		if (questions[i].sorted && strstr(plan, "Sort"))
			fail_msg("%s sorts:\n%s", questions[i].sql, plan);
		pg_close(&pg);
	}
}

static bool is_named(struct str index)
{
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		if (str_is(index, questions[i].index))
			return true;
	for (size_t i = 0; i < sizeof(guards) / sizeof(guards[0]); i++)
		if (str_is(index, guards[i]))
			return true;
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
		for (size_t k = 0; k < INDEXES_MAX && statements[i].indexes[k]; k++)
			if (str_is(index, statements[i].indexes[k]))
				return true;
	return false;
}

static void no_index_is_without_a_query(void **state)
{
	struct pg_rows *rows = query(db.admin,
		"SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = 'public'::regnamespace"
		" AND NOT c.relispartition"
		" AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u'))",
		NULL);

	(void)state;
	assert_true(pg_rows_count(rows) > 10);
	for (int i = 0; i < pg_rows_count(rows); i++)
		if (!is_named(pg_text(rows, i, 0)))
			fail_msg("%.*s", STR_ARG(pg_text(rows, i, 0)));
	pg_rows_free(rows);
}

/* So that the plans of tables that grew do not depend on when autovacuum comes by. */
#define NO_STATISTICS \
	"DO $$ DECLARE t regclass; BEGIN FOR t IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace" \
	" LOOP EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', t); END LOOP; END $$"

static const char *const not_by_key[] = { "SET enable_seqscan = off", "SET enable_bitmapscan = off",
	"SET enable_sort = off", "SET enable_incremental_sort = off", "SET enable_hashjoin = off",
	"SET enable_mergejoin = off" };

static int start(void **state)
{
	if (db_start(state) < 0)
		return -1;
	execute(db.admin, NO_STATISTICS);
	db_script(ROWS);
	execute(db.admin, "UPDATE erasures SET stage = 'done', completed_at = now() WHERE id % 100 > 0");
	db_script(WEBHOOK_ROWS);
	db_script(SENDING_ROWS);
	execute(db.admin, FUNCTION_IDS);
	execute(db.admin, FUNCTION_TEXTS);
	dispatcher = db_session(DISPATCHER);
	execute(db.pg, "SET plan_cache_mode = force_custom_plan"); /* as unnamed statements are planned */
	execute(dispatcher, "SET plan_cache_mode = force_custom_plan");
	sender = db_session(SENDER);
	execute(sender, "SET plan_cache_mode = force_custom_plan");
	cleanup = db_session(CLEANUP);
	execute(cleanup, "SET plan_cache_mode = force_custom_plan");
	operator= db_session("blazz_admin");
	execute(operator, "SET plan_cache_mode = force_custom_plan");
	execute(cleanup, "SET enable_sort = off"); /* as steps of its jobs do */
	execute(cleanup, "SET enable_incremental_sort = off");
	execute(cleanup, "SET enable_bitmapscan = off");
	for (size_t i = 0; i < sizeof(not_by_key) / sizeof(not_by_key[0]); i++) /* as sealed_settings does */
		execute(operator, not_by_key[i]);
	return 0;
}

static int stop(void **state)
{
	pg_close(&dispatcher);
	pg_close(&sender);
	pg_close(&cleanup);
	pg_close(&operator);
	return db_stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_of_messages_end_at_their_limit),
		cmocka_unit_test(in_tables_that_grew_statements_use_their_indexes),
		cmocka_unit_test(in_analysed_tables_statements_use_their_indexes),
		cmocka_unit_test(queries_use_the_index_made_for_them),
		cmocka_unit_test(no_index_is_without_a_query),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
