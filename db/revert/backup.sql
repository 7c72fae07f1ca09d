BEGIN;
SET LOCAL lock_timeout = '5s';
UPDATE schema_version SET version = 7;
DROP FUNCTION restore_finish;
ALTER TABLE restores DROP COLUMN ends, DROP COLUMN backup;
REVOKE SELECT ON schema_version FROM blazz_backup;

-- Stays while another database of the cluster uses it (roles.sql).
DO $$
BEGIN
	DROP ROLE blazz_backup;
EXCEPTION WHEN dependent_objects_still_exist OR object_in_use THEN
	RAISE NOTICE 'role blazz_backup is still used and stays';
END
$$;
COMMIT;
