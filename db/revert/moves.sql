BEGIN;
SET LOCAL lock_timeout = '5s';
UPDATE schema_version SET version = 8;
REVOKE UPDATE (next_offset, live_from, start_offset, until_offset, lost) ON webhook_positions FROM blazz_ops;
REVOKE UPDATE (source_offset) ON webhook_retry_queue FROM blazz_ops;
REVOKE UPDATE (record_offset) ON parked_updates FROM blazz_ops;
COMMIT;
