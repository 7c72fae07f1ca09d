BEGIN;
DROP TABLE leases, outbox, consumer_progress;
COMMIT;
