BEGIN;
SET LOCAL lock_timeout = '5s';
UPDATE schema_version SET version = 11;
REVOKE SELECT (account_id) ON sends FROM blazz_cleanup;
REVOKE DELETE ON campaign_counts FROM blazz_cleanup;
REVOKE SELECT (workspace_id, campaign_id), DELETE ON campaign_segments FROM blazz_cleanup;
REVOKE SELECT (updated_at), UPDATE (deleted_at), DELETE ON campaigns FROM blazz_cleanup;
COMMIT;
