BEGIN;
SET LOCAL lock_timeout = '5s';
LOCK TABLE contacts, chats IN ACCESS EXCLUSIVE MODE; -- in the order in which chat-sync writes them
ALTER TABLE chats DROP CONSTRAINT chats_peer_key;
COMMIT;
