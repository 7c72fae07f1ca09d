BEGIN;
SET LOCAL lock_timeout = '5s';
UPDATE schema_version SET version = 6;
DROP POLICY cleanup ON consumer_progress;
REVOKE SELECT ON consumer_progress FROM blazz_cleanup;
DROP FUNCTION standby_lag_ms;
ALTER TABLE cleanup_jobs DROP COLUMN paused, DROP COLUMN pauses;
COMMIT;
