SELECT 1 / (NOT EXISTS (
	SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
	AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped)
))::int;
SELECT 1 / has_table_privilege('blazz_chat_sync', 'chats', 'INSERT')::int;
SELECT 1 / (NOT has_column_privilege('blazz_chat_sync', 'whatsapp_accounts', 'secrets', 'SELECT'))::int;
SELECT 1 / (NOT has_column_privilege('blazz_webhook_dispatcher', 'webhook_endpoints', 'secrets', 'UPDATE'))::int;
SELECT 1 / (count(*) = 9)::int FROM pg_policies WHERE tablename IN ('outbox', 'consumer_progress');
SELECT 1 / (NOT has_table_privilege('blazz_gateway', 'outbox', 'SELECT, INSERT, UPDATE, DELETE')
	AND NOT has_table_privilege('blazz_gateway', 'consumer_progress', 'SELECT, INSERT, UPDATE, DELETE'))::int;
