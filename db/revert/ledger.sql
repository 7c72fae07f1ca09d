BEGIN;
SET LOCAL lock_timeout = '5s';
UPDATE schema_version SET version = 13;
REVOKE SELECT (workspace_id, uuid, contact, stage, completed_at), INSERT (workspace_id, uuid, contact, forget_opt_outs, aliases, requested_by),
	UPDATE (aliases) ON erasures FROM blazz_chat_sync;
REVOKE SELECT (record_timestamp_ms) ON parked_updates FROM blazz_cleanup;
REVOKE SELECT (sent_at) ON sends FROM blazz_cleanup;
REVOKE USAGE ON SEQUENCE erasures_id_seq FROM blazz_cleanup, blazz_chat_sync;
REVOKE INSERT (workspace_id, uuid, contact, forget_opt_outs, behind, requested_by, requested_at) ON erasures FROM blazz_cleanup;
ALTER TABLE erasures DROP COLUMN recorded_at, DROP COLUMN happened_until;
COMMIT;
