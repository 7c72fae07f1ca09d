SELECT 1 / count(*)::int FROM pg_constraint WHERE conname = 'chats_peer_key' AND convalidated;
