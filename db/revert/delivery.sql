BEGIN;
DROP TABLE outbox, consumer_progress;
COMMIT;
