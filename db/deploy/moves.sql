-- What blazz_ops changes when Blazz moves to another Kafka cluster (blazzctl progress move): the stored offsets; or to topics with another
-- number of partitions (progress rekey): what is stored by partition. Services require schema version 9 from here on.
BEGIN;
SET LOCAL lock_timeout = '5s';

GRANT UPDATE (next_offset, live_from, start_offset, until_offset, lost) ON webhook_positions TO blazz_ops;
GRANT UPDATE (source_partition, source_offset) ON webhook_retry_queue TO blazz_ops;
GRANT UPDATE (topic, partition, record_offset) ON parked_updates TO blazz_ops;
GRANT UPDATE (partition) ON campaigns, campaign_segments, send_lanes TO blazz_ops;

-- A row that waits behind another has no record, as it is still in the topic. Gives such rows theirs; a record that is there is not changed,
-- which blazz_ops has no right to.
CREATE FUNCTION webhook_retry_queue_load(workspaces bigint[], ids bigint[], payloads bytea[]) RETURNS bigint LANGUAGE sql SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp AS $$
	WITH loaded AS (UPDATE public.webhook_retry_queue q SET payload = r.payload
		FROM unnest(workspaces, ids, payloads) AS r (workspace_id, id, payload)
		WHERE q.workspace_id = r.workspace_id AND q.id = r.id AND q.payload IS NULL AND q.status IN ('pending', 'retrying') RETURNING 1)
	SELECT count(*) FROM loaded
$$;
REVOKE EXECUTE ON FUNCTION webhook_retry_queue_load FROM PUBLIC;
GRANT EXECUTE ON FUNCTION webhook_retry_queue_load TO blazz_ops;

UPDATE schema_version SET version = 9;

COMMIT;
