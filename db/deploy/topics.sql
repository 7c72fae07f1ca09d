-- Several topics in one service: an outbox slot belongs to the topic whose partition fences it. And leases, for producers that consume no
-- topic. The outbox is small, so its new key is built quickly; earlier releases leave topic at its default.
BEGIN;
SET LOCAL lock_timeout = '5s';

ALTER TABLE outbox ADD topic text NOT NULL DEFAULT ''; -- whose partition fences the slot; '': the producer's first topic, or it has none
ALTER TABLE outbox DROP CONSTRAINT outbox_pkey, ADD PRIMARY KEY (producer, slot, topic, epoch, seq);

-- Leases of services in which one replica is active: each of its transactions begins with an update that succeeds only with the current
-- epoch.
CREATE TABLE leases (
	name text PRIMARY KEY,
	owner text NOT NULL, -- the replica's name, for operators
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
