SELECT 1 / count(*)::int FROM pg_index WHERE indexrelid = 'chats_peer'::regclass AND indisvalid;
