SET lock_timeout = '5s';
ALTER TABLE chats VALIDATE CONSTRAINT chats_peer_key;
