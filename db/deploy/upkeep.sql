-- What cleanup needs to compare counters with the rows that they count, to look for rows that belong to nothing, to watch over the tables,
-- and to fill new columns in the background. Services require schema version 10 from here on.
BEGIN;
SET LOCAL lock_timeout = '5s';

-- Backfills. A change that adds a column to be filled brings FUNCTION backfill_<name>(after text, n integer) RETURNS TABLE (next text, rows
-- integer), which fills at most n rows whose key is above `after` ('': all), and returns the last key it looked at (null: there are no more)
-- and how many rows it wrote; and it inserts the row here. A function that runs again from the same key writes nothing twice.
CREATE TABLE backfills (
	name text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,39}$'),
	cursor text NOT NULL DEFAULT '', -- the last key
	rows bigint NOT NULL DEFAULT 0, -- that were written
	created_at timestamptz NOT NULL DEFAULT now(),
	started_at timestamptz,
	completed_at timestamptz
);

-- One step of the oldest backfill that is not complete, as the tables' owner: no service has rights on the columns of all. It writes cursor
-- and rows with the step. No row: all are complete.
CREATE FUNCTION backfill_step(n integer, OUT name text, OUT rows integer, OUT completed boolean) RETURNS SETOF record LANGUAGE plpgsql
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	b public.backfills;
	last text;
BEGIN
	SELECT * INTO b FROM public.backfills AS f WHERE f.completed_at IS NULL ORDER BY f.created_at, f.name LIMIT 1 FOR UPDATE;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	EXECUTE format('SELECT s.next, s.rows FROM public.%I($1, $2) AS s', 'backfill_' || b.name) INTO last, rows USING b.cursor, n;
	name := b.name;
	rows := coalesce(rows, 0);
	completed := last IS NULL;
	UPDATE public.backfills AS f SET cursor = coalesce(last, f.cursor), rows = f.rows + backfill_step.rows,
		started_at = coalesce(f.started_at, clock_timestamp()), completed_at = CASE WHEN completed THEN clock_timestamp() END
	WHERE f.name = b.name;
	RETURN NEXT;
END
$$;
REVOKE EXECUTE ON FUNCTION backfill_step FROM PUBLIC;
GRANT EXECUTE ON FUNCTION backfill_step TO blazz_cleanup;

-- For the change that constrains the column: it fails while rows may be missing.
CREATE FUNCTION backfill_require(backfill text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM FROM public.backfills AS f WHERE f.name = backfill AND f.completed_at IS NOT NULL;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'backfill % is not complete: blazzctl cleanup list shows its progress', backfill
			USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION backfill_require FROM PUBLIC;

-- Records that wait in the outbox for longer than that, without their content, which is no concern of cleanup: under its own role it sees
-- only its own records.
CREATE FUNCTION outbox_waiting(older interval) RETURNS TABLE (producer text, topic text, slot integer, records bigint, since timestamptz)
	LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT o.producer, o.topic, o.slot, count(*), min(o.created_at) FROM public.outbox AS o WHERE o.created_at < now() - older
	GROUP BY o.producer, o.topic, o.slot ORDER BY o.producer, o.topic, o.slot
$$;
REVOKE EXECUTE ON FUNCTION outbox_waiting FROM PUBLIC;
GRANT EXECUTE ON FUNCTION outbox_waiting TO blazz_cleanup;

-- recount: what is counted, and what it is compared with.
GRANT SELECT (unread_messages, last_message_id, contact_id) ON conversations TO blazz_cleanup;
GRANT SELECT (workspace_id, id, uuid, participants, participants_count) ON whatsapp_groups TO blazz_cleanup;
GRANT SELECT (workspace_id, id, uuid, status, completed_at, prepared_at, first_send_id, last_send_id, recipients, messages_sent,
	messages_delivered, messages_read, messages_failed, messages_skipped, messages_unknown, deleted_at) ON campaigns TO blazz_cleanup;
GRANT SELECT ON campaign_counts TO blazz_cleanup;
ALTER POLICY cleanup ON consumer_progress USING (true); -- the progress of every consumer

-- orphans
GRANT DELETE ON account_qr TO blazz_cleanup;
GRANT SELECT, DELETE ON account_syncs TO blazz_cleanup;
GRANT DELETE ON session_cleanup_logs TO blazz_cleanup;
GRANT SELECT (workspace_id, id, uuid, full_name, phone, email, profile_picture, merged_into, deleted_at) ON contacts TO blazz_cleanup;
GRANT SELECT (workspace_id, contact_id) ON contact_aliases TO blazz_cleanup;

-- maintenance
GRANT EXECUTE ON FUNCTION day_partitions_role TO blazz_cleanup;
GRANT SELECT (status, updated_at) ON webhook_retry_queue TO blazz_cleanup;

GRANT SELECT ON backfills TO blazz_cleanup, blazz_admin, blazz_ops;

UPDATE schema_version SET version = 10;

COMMIT;
