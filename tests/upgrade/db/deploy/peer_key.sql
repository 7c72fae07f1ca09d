BEGIN;
SET LOCAL lock_timeout = '5s';
SELECT backfill_require('chat_peers');
ALTER TABLE chats ADD CONSTRAINT chats_peer_key FOREIGN KEY (workspace_id, peer_id) REFERENCES contacts NOT VALID;
COMMIT;
