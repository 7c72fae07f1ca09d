-- cleanup deletes campaigns that ended long ago, with their recipients. Services require schema version 12 from here on.
BEGIN;
SET LOCAL lock_timeout = '5s';

-- UPDATE of deleted_at, to lock a campaign and to take it away from commands before its recipients go.
GRANT SELECT (updated_at), UPDATE (deleted_at), DELETE ON campaigns TO blazz_cleanup;
GRANT SELECT (workspace_id, campaign_id), DELETE ON campaign_segments TO blazz_cleanup;
GRANT DELETE ON campaign_counts TO blazz_cleanup;
GRANT SELECT (account_id) ON sends TO blazz_cleanup;

UPDATE schema_version SET version = 12;

COMMIT;
