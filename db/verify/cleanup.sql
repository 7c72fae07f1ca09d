SELECT index, uuid, secrets, fenced_at FROM instances WHERE false;
SELECT restart_at, relink_at, move_to, move_at FROM whatsapp_accounts WHERE false;
SELECT assignment_epoch, next_at, health_penalty FROM account_control WHERE false;
SELECT cleanup_type, executed_at FROM session_cleanup_logs WHERE false;
SELECT cursor, request, answer FROM cleanup_jobs WHERE false;
SELECT 1 / (has_column_privilege('blazz_cleanup', 'whatsapp_accounts', 'assigned_instance_url', 'UPDATE')
	AND NOT has_column_privilege('blazz_gateway', 'instances', 'secrets', 'SELECT')
	AND NOT has_column_privilege('blazz_ops', 'instances', 'secrets', 'SELECT'))::int;
SELECT 1 / (version >= 6)::int FROM schema_version;
