-- Several topics in one service: an outbox slot is of the topic that fences it. And who leads where nothing is consumed.
-- The outbox is small, so that its key is built in a moment; a release from before leaves topic at its default.
BEGIN;
SET LOCAL lock_timeout = '5s';

ALTER TABLE outbox ADD topic text NOT NULL DEFAULT ''; -- that fences the slot; '': the producer's first one, or it has none
ALTER TABLE outbox DROP CONSTRAINT outbox_pkey, ADD PRIMARY KEY (producer, slot, topic, epoch, seq);

-- Of services of which one replica works: each of its transactions begins with an update that only the holder's epoch lets through.
CREATE TABLE leases (
	name text PRIMARY KEY,
	owner text NOT NULL, -- the replica, for people
	epoch bigint NOT NULL,
	seq bigint NOT NULL DEFAULT 0,
	until timestamptz NOT NULL
) WITH (fillfactor = 50);

GRANT SELECT, INSERT, UPDATE ON leases TO blazz_cleanup;
GRANT SELECT ON leases TO blazz_ops;
ALTER TABLE leases ENABLE ROW LEVEL SECURITY;
ALTER TABLE leases FORCE ROW LEVEL SECURITY;
CREATE POLICY cleanup ON leases TO blazz_cleanup USING (name = 'cleanup');
CREATE POLICY ops ON leases TO blazz_ops USING (true);

COMMIT;
