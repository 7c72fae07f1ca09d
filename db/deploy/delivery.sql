-- Exactly-once effect: how far a consumer came, what its transactions decided and must still be published, and who leads where nothing is
-- consumed.
BEGIN;

CREATE TABLE consumer_progress (
	consumer text NOT NULL,
	topic text NOT NULL,
	partition integer NOT NULL,
	cluster_id text NOT NULL,
	epoch bigint NOT NULL,
	seq bigint NOT NULL DEFAULT 0,
	start_offset bigint, -- where counting began; null until the first record
	next_offset bigint,  -- null: nothing read yet, start at the low watermark
	-- What became of the records since start_offset; together next_offset - start_offset.
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
	topic text NOT NULL DEFAULT '', -- that fences the slot; '': the producer's first one, or it has none
	slot integer NOT NULL,
	epoch bigint NOT NULL,
	seq bigint NOT NULL,
	records bytea COMPRESSION lz4 NOT NULL, -- proto/blazz/v1/outbox.proto
	created_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (producer, slot, topic, epoch, seq)
);

-- Of services of which one replica works: each of its transactions begins with an update that only the holder's epoch lets through.
CREATE TABLE leases (
	name text PRIMARY KEY,
	owner text NOT NULL, -- the replica, for people
	epoch bigint NOT NULL,
	seq bigint NOT NULL DEFAULT 0,
	until timestamptz NOT NULL
) WITH (fillfactor = 50);

COMMIT;
