SELECT 1 / (has_column_privilege('blazz_cleanup', 'sends', 'request', 'UPDATE') AND has_column_privilege('blazz_cleanup', 'sends', 'next_attempt_at', 'UPDATE')
	AND has_column_privilege('blazz_cleanup', 'send_attempts', 'excerpt', 'UPDATE')
	AND has_column_privilege('blazz_cleanup', 'webhook_retry_queue', 'payload', 'UPDATE'))::int;
SELECT 1 / (NOT has_column_privilege('blazz_cleanup', 'sends', 'status', 'UPDATE'))::int;
SELECT 1 / count(*) FROM pg_indexes WHERE indexname = 'erasures_open';
SELECT 1 / (version >= 15)::int FROM schema_version;
