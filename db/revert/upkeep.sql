BEGIN;
SET LOCAL lock_timeout = '5s';
UPDATE schema_version SET version = 9;
REVOKE SELECT (status, updated_at) ON webhook_retry_queue FROM blazz_cleanup;
REVOKE EXECUTE ON FUNCTION day_partitions_role FROM blazz_cleanup;
REVOKE SELECT (workspace_id, contact_id) ON contact_aliases FROM blazz_cleanup;
REVOKE SELECT (workspace_id, id, uuid, full_name, phone, email, profile_picture, merged_into, deleted_at) ON contacts FROM blazz_cleanup;
REVOKE DELETE ON session_cleanup_logs FROM blazz_cleanup;
REVOKE SELECT, DELETE ON account_syncs FROM blazz_cleanup;
REVOKE DELETE ON account_qr FROM blazz_cleanup;
ALTER POLICY cleanup ON consumer_progress USING (consumer = 'chat-sync');
REVOKE SELECT ON campaign_counts FROM blazz_cleanup;
REVOKE SELECT (workspace_id, id, uuid, status, completed_at, prepared_at, first_send_id, last_send_id, recipients, messages_sent,
	messages_delivered, messages_read, messages_failed, messages_skipped, messages_unknown, deleted_at) ON campaigns FROM blazz_cleanup;
REVOKE SELECT (workspace_id, id, uuid, participants, participants_count) ON whatsapp_groups FROM blazz_cleanup;
REVOKE SELECT (unread_messages, last_message_id, contact_id) ON conversations FROM blazz_cleanup;
DROP FUNCTION outbox_waiting, backfill_require, backfill_step;
DROP TABLE backfills;
COMMIT;
