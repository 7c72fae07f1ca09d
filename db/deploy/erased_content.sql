-- Erasure empties what is stored beside the address of messages to send and of deliveries. Services require schema version 15 from here on.
BEGIN;
SET LOCAL lock_timeout = '5s';

GRANT SELECT (provider_message_id, error_message, request), UPDATE (provider_message_id, error_message, request, next_attempt_at) ON sends TO blazz_cleanup;
GRANT SELECT (excerpt), UPDATE (excerpt) ON send_attempts TO blazz_cleanup;
GRANT SELECT (event_id, event_type, payload, source_timestamp_ms, last_error, created_at), UPDATE (payload, last_error) ON webhook_retry_queue TO blazz_cleanup;

-- The next erasure that is due, among all that were ever done.
CREATE INDEX erasures_open ON erasures (id) WHERE completed_at IS NULL;

UPDATE schema_version SET version = 15;

COMMIT;
