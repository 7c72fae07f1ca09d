SELECT name, cursor, rows, started_at, completed_at FROM backfills WHERE false;
SELECT * FROM outbox_waiting('1 second') WHERE false;
SELECT 1 / count(*)::int FROM pg_proc WHERE proname = 'backfill_step' AND prosecdef;
SELECT 1 / (has_column_privilege('blazz_cleanup', 'conversations', 'unread_messages', 'SELECT')
	AND NOT has_column_privilege('blazz_cleanup', 'chats', 'metadata', 'SELECT'))::int;
SELECT 1 / (version >= 10)::int FROM schema_version;
