SELECT backup, ends FROM restores WHERE false;
SELECT 1 / (rolbypassrls AND NOT rolsuper AND pg_has_role(oid, 'pg_read_all_data', 'USAGE'))::int FROM pg_roles WHERE rolname = 'blazz_backup';
SELECT 1 / (NOT has_function_privilege('blazz_ops', 'restore_finish(text, jsonb, jsonb, text)', 'EXECUTE'))::int;
SELECT 1 / (version >= 8)::int FROM schema_version;
