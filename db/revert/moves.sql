BEGIN;
SET LOCAL lock_timeout = '5s';
UPDATE schema_version SET version = 8;
DROP FUNCTION webhook_retry_queue_load;
REVOKE UPDATE (next_offset, live_from, start_offset, until_offset, lost) ON webhook_positions FROM blazz_ops;
REVOKE UPDATE (source_partition, source_offset) ON webhook_retry_queue FROM blazz_ops;
REVOKE UPDATE (topic, partition, record_offset) ON parked_updates FROM blazz_ops;
REVOKE UPDATE (partition) ON campaigns, campaign_segments, send_lanes FROM blazz_ops;
COMMIT;
