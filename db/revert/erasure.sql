BEGIN;
SET LOCAL lock_timeout = '5s';
UPDATE schema_version SET version = 10;
REVOKE UPDATE (dropped, next_retry_at, updated_at), SELECT (workspace_id, id, endpoint_id, ordering_key, status, next_retry_at, dropped)
	ON webhook_retry_queue FROM blazz_cleanup;
REVOKE UPDATE (address, updated_at), SELECT (workspace_id, id, contact_id, address, created_at) ON sends FROM blazz_cleanup;
REVOKE SELECT (workspace_id, id, account_id, record_value, created_at), DELETE ON parked_updates FROM blazz_cleanup;
REVOKE SELECT, DELETE ON chat_receipts, chat_reactions, chat_reactions_withdrawn, contact_group_members, undeliverable FROM blazz_cleanup;
REVOKE SELECT ON contacts, contact_aliases, contact_former_aliases, conversations, chats, whatsapp_groups, contact_groups FROM blazz_cleanup;
-- What an earlier change granted on columns went with the rights on the tables.
GRANT SELECT (workspace_id, id, uuid, account_id, contact_id, unread_messages, last_read_at, last_message_id, merged_into) ON conversations
	TO blazz_cleanup;
GRANT SELECT (workspace_id, contact_id) ON contact_aliases TO blazz_cleanup;
GRANT SELECT (workspace_id, id, uuid, full_name, phone, email, profile_picture, merged_into, deleted_at) ON contacts TO blazz_cleanup;
GRANT SELECT (workspace_id, id, uuid, participants, participants_count) ON whatsapp_groups TO blazz_cleanup;
GRANT SELECT (status) ON webhook_retry_queue TO blazz_cleanup;
GRANT SELECT (workspace_id, id, conversation_id, type, origin, sent_at, deleted_at) ON chats TO blazz_cleanup;
GRANT SELECT (workspace_id, chat_id), DELETE ON chat_receipts, chat_reactions, chat_reactions_withdrawn TO blazz_cleanup;
GRANT SELECT (workspace_id, id, created_at), UPDATE (updated_at) ON sends TO blazz_cleanup;
DROP TABLE erasures;
REVOKE DELETE ON contact_former_aliases, contact_opt_outs, conversations FROM blazz_chat_sync;
ALTER TABLE contacts DROP COLUMN erased_at;
COMMIT;
