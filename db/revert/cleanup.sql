BEGIN;
SET LOCAL lock_timeout = '5s';
UPDATE schema_version SET version = 5;
DROP TRIGGER notify_accounts_insert ON whatsapp_accounts;
DROP TRIGGER notify_accounts_update ON whatsapp_accounts;
DROP TRIGGER notify_sending_assigned ON whatsapp_accounts;
DROP POLICY admin ON leases;
REVOKE SELECT ON leases FROM blazz_admin;
DROP TABLE cleanup_jobs, session_cleanup_logs, account_control;
DROP INDEX whatsapp_accounts_session_name;
ALTER TABLE whatsapp_accounts DROP COLUMN move_at, DROP COLUMN move_to, DROP COLUMN relink_at, DROP COLUMN restart_at;
DROP TABLE instances;
DROP FUNCTION notify_accounts, notify_sending_accounts;
REVOKE SELECT (assigned_instance_index) ON whatsapp_accounts FROM blazz_campaign_sender;
REVOKE SELECT, UPDATE ON whatsapp_accounts FROM blazz_cleanup;
REVOKE UPDATE (health_score, session_restore_count, last_cleanup_at, assigned_instance_index, assigned_instance_url, previous_instance_index,
	instance_migration_count, last_instance_migration_at, session_storage_path, session_file_size_bytes, session_storage_verified_at,
	deleted_at, updated_at) ON whatsapp_accounts FROM blazz_cleanup;
REVOKE SELECT, INSERT, UPDATE ON account_qr FROM blazz_cleanup;
REVOKE SELECT (workspace_id, account_id, attempts, failures) ON send_lanes FROM blazz_cleanup;
REVOKE SELECT (id, uuid, settings, deleted_at) ON workspaces FROM blazz_cleanup;
REVOKE SELECT (assigned_instance_index, assigned_instance_url, previous_instance_index, instance_migration_count,
	last_instance_migration_at, session_restore_count, last_cleanup_at) ON whatsapp_accounts FROM blazz_ops;
COMMIT;
