SELECT peer_id FROM chats WHERE false;
SELECT 1 / count(*)::int FROM backfills WHERE name = 'chat_peers';
