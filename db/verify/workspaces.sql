SELECT deletion_stage, deletion_stage_at FROM workspaces WHERE false;
SELECT 1 / (NOT has_column_privilege('blazz_gateway', 'workspaces', 'deletion_stage', 'UPDATE'))::int;
SELECT 1 / (has_table_privilege('blazz_cleanup', 'whatsapp_accounts', 'DELETE'))::int;
SELECT 1 / (version >= 13)::int FROM schema_version;
