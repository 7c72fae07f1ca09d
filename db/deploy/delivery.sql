-- Exactly-once effect: the progress of each consumer, and the records that its transactions must still publish.
BEGIN;

CREATE TABLE consumer_progress (
	consumer text NOT NULL,
	topic text NOT NULL,
	partition integer NOT NULL,
	cluster_id text NOT NULL,
	epoch bigint NOT NULL,
	seq bigint NOT NULL DEFAULT 0,
	start_offset bigint, -- the first offset counted; null until the first record
	next_offset bigint,  -- null: nothing read yet, start at the low watermark
	-- Outcomes of the records since start_offset; their sum is next_offset - start_offset.
	applied bigint NOT NULL DEFAULT 0,
	no_effect bigint NOT NULL DEFAULT 0,
	filtered bigint NOT NULL DEFAULT 0,
	parked bigint NOT NULL DEFAULT 0,
	dead_lettered bigint NOT NULL DEFAULT 0,
	skipped bigint NOT NULL DEFAULT 0, -- offsets without a record (control records, compaction)
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (consumer, topic, partition)
) WITH (fillfactor = 50);

CREATE TABLE outbox (
	producer text NOT NULL,
	slot integer NOT NULL,
	epoch bigint NOT NULL,
	seq bigint NOT NULL,
	records bytea COMPRESSION lz4 NOT NULL, -- proto/blazz/v1/outbox.proto
	created_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (producer, slot, epoch, seq)
);

COMMIT;
