SET lock_timeout = '5s';
DROP INDEX CONCURRENTLY chats_peer;
