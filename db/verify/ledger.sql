SELECT recorded_at, happened_until FROM erasures WHERE false;
SELECT 1 / (has_column_privilege('blazz_cleanup', 'erasures', 'contact', 'INSERT'))::int;
SELECT 1 / (has_column_privilege('blazz_chat_sync', 'erasures', 'aliases', 'INSERT'))::int;
SELECT 1 / (NOT has_column_privilege('blazz_chat_sync', 'erasures', 'aliases', 'SELECT'))::int;
SELECT 1 / (version >= 14)::int FROM schema_version;
