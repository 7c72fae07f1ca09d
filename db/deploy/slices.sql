-- Work that chat-sync does in slices, after the batch that decided it: moving messages and renaming senders. Services require schema
-- version 2 from here on.
BEGIN;
SET LOCAL lock_timeout = '5s';

-- Merged conversations whose messages are still being moved, in slices. The row is deleted with the last of them.
CREATE TABLE conversation_merges (
	workspace_id bigint NOT NULL,
	conversation_id bigint NOT NULL,
	into_id bigint NOT NULL, -- the surviving conversation, after all merges since
	topic text NOT NULL,
	partition integer NOT NULL, -- of the account: its owner moves the messages
	upto timestamptz, -- messages sent later than this have been moved
	moved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (workspace_id, conversation_id),
	FOREIGN KEY (workspace_id, conversation_id) REFERENCES conversations,
	FOREIGN KEY (workspace_id, into_id) REFERENCES conversations
);
-- Finds where messages of the surviving conversation may still be, which have not been moved to it yet.
CREATE INDEX conversation_merges_into ON conversation_merges (workspace_id, into_id);
-- For the owner of a partition: the conversation whose last slice is the oldest.
CREATE INDEX conversation_merges_due ON conversation_merges (topic, partition, moved_at);

-- Previous senders whose reactions and receipts are renamed to a contact's uuid, in slices. The row is deleted when none is left.
CREATE TABLE sender_renames (
	workspace_id bigint NOT NULL,
	sender text NOT NULL, -- the old name: uuid of a contact that was merged, or an alias that became a contact's
	contact_id bigint NOT NULL,
	topic text NOT NULL,
	partition integer NOT NULL, -- whose batch decided it: its owner renames
	renamed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (workspace_id, sender),
	FOREIGN KEY (workspace_id, contact_id) REFERENCES contacts DEFERRABLE INITIALLY DEFERRED -- as that of contact_aliases
);
-- Finds the old names of a contact: what a batch stores for the contact may have to be compared with rows under them. Also for the
-- renaming itself. Without the workspace: the table is empty most of the time, and while its statistics say so any index that begins with
-- the workspace looks as good as the primary key for finding a name.
CREATE INDEX sender_renames_contact ON sender_renames (contact_id, renamed_at);
-- For the owner of a partition: the sender whose last slice is the oldest.
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
