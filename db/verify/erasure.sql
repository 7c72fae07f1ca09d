SELECT contact, behind, stage, cursor, aliases, next_at FROM erasures WHERE false;
SELECT 1 / (NOT has_column_privilege('blazz_ops', 'erasures', 'aliases', 'SELECT'))::int;
SELECT erased_at FROM contacts WHERE false;
SELECT 1 / (has_table_privilege('blazz_chat_sync', 'conversations', 'DELETE'))::int;
SELECT 1 / (version >= 11)::int FROM schema_version;
