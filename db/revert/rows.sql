BEGIN;
SET LOCAL lock_timeout = '5s';
UPDATE schema_version SET version = 6;
REVOKE SELECT (workspace_id, id, campaign_id, status, next_attempt_at, created_at, updated_at), UPDATE (updated_at), DELETE ON sends
	FROM blazz_cleanup;
REVOKE DELETE ON chat_receipts, chat_reactions, chat_reactions_withdrawn, chat_media FROM blazz_cleanup;
REVOKE SELECT (workspace_id, chat_id) ON chat_receipts, chat_reactions, chat_reactions_withdrawn, chat_media FROM blazz_cleanup;
REVOKE SELECT (workspace_id, id, conversation_id, type, origin, sent_at, deleted_at), UPDATE (updated_at), DELETE ON chats FROM blazz_cleanup;
REVOKE SELECT (workspace_id, id, uuid, account_id, last_read_at, merged_into) ON conversations FROM blazz_cleanup;
DROP POLICY cleanup ON consumer_progress;
REVOKE SELECT ON consumer_progress FROM blazz_cleanup;
ALTER ROLE blazz_cleanup RESET enable_seqscan;
ALTER ROLE blazz_cleanup RESET enable_hashjoin;
ALTER ROLE blazz_cleanup RESET enable_mergejoin;
ALTER ROLE blazz_cleanup RESET jit;
DROP FUNCTION standby_lag_ms;
ALTER TABLE cleanup_jobs DROP COLUMN paused, DROP COLUMN pauses;
COMMIT;
