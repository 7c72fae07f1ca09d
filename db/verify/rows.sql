SELECT pauses, paused FROM cleanup_jobs WHERE false;
SELECT 1 / (has_function_privilege('blazz_cleanup', 'standby_lag_ms()', 'EXECUTE')
	AND NOT has_function_privilege('blazz_gateway', 'standby_lag_ms()', 'EXECUTE')
	AND has_table_privilege('blazz_cleanup', 'consumer_progress', 'SELECT') AND has_table_privilege('blazz_cleanup', 'chats', 'DELETE'))::int;
SELECT 1 / (version >= 7)::int FROM schema_version;
