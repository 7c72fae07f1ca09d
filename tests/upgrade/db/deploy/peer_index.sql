-- The messages of one contact. What an interrupted build has left is built anew.
SET lock_timeout = '5s';
DROP INDEX CONCURRENTLY IF EXISTS chats_peer;
CREATE INDEX CONCURRENTLY chats_peer ON chats (workspace_id, peer_id) WHERE peer_id IS NOT NULL;
