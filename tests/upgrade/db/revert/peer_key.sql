BEGIN;
SET LOCAL lock_timeout = '5s';
ALTER TABLE chats DROP CONSTRAINT chats_peer_key;
COMMIT;
