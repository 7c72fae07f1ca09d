BEGIN;
SET LOCAL lock_timeout = '5s';
SELECT backfill_require('chat_peers');
LOCK TABLE contacts, chats IN SHARE ROW EXCLUSIVE MODE; -- in the order in which chat-sync writes them
ALTER TABLE chats ADD CONSTRAINT chats_peer_key FOREIGN KEY (workspace_id, peer_id) REFERENCES contacts NOT VALID;
COMMIT;
