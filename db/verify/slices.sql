SELECT into_id, upto, moved_at FROM conversation_merges WHERE false;
SELECT sender, contact_id, renamed_at FROM sender_renames WHERE false;
SELECT 1 / (count(*) = 4)::int FROM pg_policies WHERE tablename IN ('conversation_merges', 'sender_renames');
SELECT 1 / (version >= 2)::int FROM schema_version;
