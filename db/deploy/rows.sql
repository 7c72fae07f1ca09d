-- What the jobs of cleanup need that work through rows: why a run pauses, how far standbys and chat-sync lag behind. Services require schema
-- version 7 from here on.
BEGIN;
SET LOCAL lock_timeout = '5s';

ALTER TABLE cleanup_jobs
	ADD COLUMN pauses bigint NOT NULL DEFAULT 0, -- in the last run
	ADD COLUMN paused text CHECK (octet_length(paused) <= 40); -- why it pauses now; null: it does not

-- How far the slowest standby lags behind, in ms. As its owner: only pg_read_all_stats sees more than one's own sessions, and it sees the
-- statements of all.
CREATE FUNCTION standby_lag_ms() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT coalesce(max(extract(epoch FROM replay_lag) * 1000), 0)::bigint FROM pg_stat_replication
$$;
REVOKE ALL ON FUNCTION standby_lag_ms() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION standby_lag_ms() TO blazz_cleanup;

-- chat-sync's progress, for its lag.
GRANT SELECT ON consumer_progress TO blazz_cleanup;
CREATE POLICY cleanup ON consumer_progress FOR SELECT TO blazz_cleanup USING (consumer = 'chat-sync');

-- The job retention deletes messages that no counter counts, with what is attached to them; UPDATE of a column, to lock them.
GRANT SELECT (workspace_id, id, uuid, account_id, last_read_at, merged_into) ON conversations TO blazz_cleanup;
GRANT SELECT (workspace_id, id, conversation_id, type, origin, sent_at, deleted_at), UPDATE (updated_at), DELETE ON chats TO blazz_cleanup;
GRANT SELECT (workspace_id, chat_id), DELETE ON chat_receipts, chat_reactions, chat_reactions_withdrawn, chat_media TO blazz_cleanup;

-- It also deletes single messages to send that ended long ago.
GRANT SELECT (workspace_id, id, campaign_id, status, next_attempt_at, created_at, updated_at), UPDATE (updated_at), DELETE ON sends TO blazz_cleanup;

-- Its jobs find every row by key, as the other services that work in batches do.
ALTER ROLE blazz_cleanup SET enable_seqscan = off;
ALTER ROLE blazz_cleanup SET enable_hashjoin = off;
ALTER ROLE blazz_cleanup SET enable_mergejoin = off;
ALTER ROLE blazz_cleanup SET jit = off;

UPDATE schema_version SET version = 7;

COMMIT;
