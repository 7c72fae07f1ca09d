BEGIN;
SET LOCAL lock_timeout = '5s';
UPDATE schema_version SET version = 14;
DROP INDEX erasures_open;
REVOKE SELECT (event_id, event_type, payload, source_timestamp_ms, last_error, created_at), UPDATE (payload, last_error) ON webhook_retry_queue FROM blazz_cleanup;
REVOKE SELECT (excerpt), UPDATE (excerpt) ON send_attempts FROM blazz_cleanup;
REVOKE SELECT (provider_message_id, error_message, request), UPDATE (provider_message_id, error_message, request, next_attempt_at) ON sends FROM blazz_cleanup;
COMMIT;
