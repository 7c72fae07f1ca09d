SELECT 1 / count(*)::int FROM pg_proc WHERE proname = 'day_partitions_maintain' AND prosecdef;
SELECT 1 / has_function_privilege('blazz_webhook_dispatcher', 'day_partitions_maintain(text, integer, integer)', 'EXECUTE')::int;
SELECT 1 / (day_partitions_role('webhook_attempts') = 'blazz_webhook_dispatcher' AND day_partitions_role('chats') IS NULL)::int;
SELECT 1 / (version >= 3)::int FROM schema_version;
