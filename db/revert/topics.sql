BEGIN;
DROP TABLE leases;
ALTER TABLE outbox DROP CONSTRAINT outbox_pkey, ADD PRIMARY KEY (producer, slot, epoch, seq);
ALTER TABLE outbox DROP COLUMN topic;
COMMIT;
