-- Erasures outlive a restore: a topic keeps who is to be erased, and rows that a backup lacks are added from it. Services require schema
-- version 14 from here on.
BEGIN;
SET LOCAL lock_timeout = '5s';

ALTER TABLE erasures
	ADD COLUMN recorded_at timestamptz, -- when cleanup first published it to the topic erasure; null: not yet
	-- Of one that is repeated after a restore: what happened later is of the person's next contact. All rows since the backup are stored again
	-- then, later than `until` was, so that the time at which they were stored does not tell.
	ADD COLUMN happened_until timestamptz;

GRANT INSERT (workspace_id, uuid, contact, forget_opt_outs, behind, requested_by, requested_at, recorded_at, happened_until),
	UPDATE (recorded_at, happened_until) ON erasures TO blazz_cleanup;
GRANT USAGE ON SEQUENCE erasures_id_seq TO blazz_cleanup, blazz_chat_sync;
GRANT SELECT (sent_at) ON sends TO blazz_cleanup;
GRANT SELECT (record_timestamp_ms) ON parked_updates TO blazz_cleanup;
-- When chat-sync applies an erasure again that a restored database does not know, it keeps the names, which are in the event only.
GRANT SELECT (workspace_id, uuid, contact, stage, completed_at), INSERT (workspace_id, uuid, contact, forget_opt_outs, aliases, requested_by),
	UPDATE (aliases) ON erasures TO blazz_chat_sync;

UPDATE schema_version SET version = 14;

COMMIT;
