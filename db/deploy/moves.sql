-- What blazz_ops changes when Blazz moves to another Kafka cluster (blazzctl progress move): the stored offsets, in one transaction. Services
-- require schema version 9 from here on.
BEGIN;
SET LOCAL lock_timeout = '5s';

GRANT UPDATE (next_offset, live_from, start_offset, until_offset, lost) ON webhook_positions TO blazz_ops;
GRANT UPDATE (source_offset) ON webhook_retry_queue TO blazz_ops;
GRANT UPDATE (record_offset) ON parked_updates TO blazz_ops;

UPDATE schema_version SET version = 9;

COMMIT;
