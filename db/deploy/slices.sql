-- What chat-sync moves and renames in slices, after the batch that decided it. Services ask for version 2 from here on.
BEGIN;
SET LOCAL lock_timeout = '5s';

-- Conversations that merged and have messages left, which move in slices. The row goes with the last of them.
CREATE TABLE conversation_merges (
	workspace_id bigint NOT NULL,
	conversation_id bigint NOT NULL,
	into_id bigint NOT NULL, -- the conversation that goes on, whatever merged meanwhile
	topic text NOT NULL,
	partition integer NOT NULL, -- of the account: its owner moves the messages
	upto timestamptz, -- messages sent later than this have moved
	moved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (workspace_id, conversation_id),
	FOREIGN KEY (workspace_id, conversation_id) REFERENCES conversations,
	FOREIGN KEY (workspace_id, into_id) REFERENCES conversations
);
-- A message of the conversation that goes on may still be on its way.
CREATE INDEX conversation_merges_into ON conversation_merges (workspace_id, into_id);
-- The owner of a partition: which moved longest ago.
CREATE INDEX conversation_merges_due ON conversation_merges (topic, partition, moved_at);

-- Names whose reactions and receipts are renamed to a contact's uuid, in slices. The row goes when none is left.
CREATE TABLE sender_renames (
	workspace_id bigint NOT NULL,
	sender text NOT NULL, -- the old name: uuid of a contact that was merged, or an alias that became a contact's
	contact_id bigint NOT NULL,
	topic text NOT NULL,
	partition integer NOT NULL, -- where it was found out: its owner renames
	renamed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (workspace_id, sender),
	FOREIGN KEY (workspace_id, contact_id) REFERENCES contacts DEFERRABLE INITIALLY DEFERRED -- as that of contact_aliases
);
-- What a batch stores for a contact may have to be compared with what is stored under an old name. Also those that a step renames.
CREATE INDEX sender_renames_contact ON sender_renames (workspace_id, contact_id, renamed_at);
-- The owner of a partition: which had its turn longest ago.
CREATE INDEX sender_renames_due ON sender_renames (topic, partition, renamed_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON conversation_merges, sender_renames TO blazz_chat_sync;
GRANT SELECT ON conversation_merges, sender_renames TO blazz_ops;
DO $$
DECLARE
	t text;
BEGIN
	FOREACH t IN ARRAY ARRAY['conversation_merges', 'sender_renames']
	LOOP
		EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
		EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
		EXECUTE format('CREATE POLICY tenant ON %I TO blazz_gateway USING (workspace_id = nullif(current_setting(''blazz.workspace_id'', true), '''')::bigint)', t);
		EXECUTE format('CREATE POLICY service ON %I TO blazz_ingest, blazz_chat_sync, blazz_webhook_dispatcher, blazz_campaign_sender,'
			' blazz_cleanup, blazz_admin, blazz_ops USING (true)', t);
	END LOOP;
END
$$;

UPDATE schema_version SET version = 2;

COMMIT;
