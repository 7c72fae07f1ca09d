BEGIN;
SET LOCAL lock_timeout = '5s';
DELETE FROM backfills WHERE name = 'chat_peers';
DROP FUNCTION backfill_chat_peers;
ALTER TABLE chats DROP COLUMN peer_id;
COMMIT;
