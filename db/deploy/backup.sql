-- Backups: the role that reads everything, and what a database needs after a restore, before a service sees it. Services require schema
-- version 8 from here on.
BEGIN;
SET LOCAL lock_timeout = '5s';

-- Reads every row of every table, and writes nothing: pg_dump fails under forced row-level security without BYPASSRLS.
DO $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'blazz_backup') THEN
		CREATE ROLE blazz_backup LOGIN;
	END IF;
END
$$;
ALTER ROLE blazz_backup BYPASSRLS NOSUPERUSER NOCREATEDB NOCREATEROLE;
ALTER ROLE blazz_backup SET default_transaction_read_only = on;
ALTER ROLE blazz_backup SET lock_timeout = '60s';
ALTER ROLE blazz_backup SET tcp_user_timeout = '60s';
GRANT pg_read_all_data TO blazz_backup;
GRANT SELECT ON schema_version TO blazz_backup; -- so that the role counts as used by this database

ALTER TABLE restores
	ADD COLUMN backup text CHECK (octet_length(backup) <= 200), -- its name; null: restored without tools/blazz-backup
	ADD COLUMN ends jsonb; -- {"<topic>": {"<partition>": <offset after the last record at the restore>}}, of the topics with records

-- What a restored database needs before services use it, in the caller's transaction; tools/blazz-backup calls it, as superuser.
-- gaps: [{"consumer", "topic", "partition", "low"}], where retention has deleted records that were not consumed: the consumer goes on at
-- low. new_cluster: the id of another Kafka, in which all consumers start anew; null: the same as before.
CREATE FUNCTION restore_finish(backup text, ends jsonb, gaps jsonb, new_cluster text) RETURNS void LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	-- Ids that were given since the backup are known to tenants and named in events: they are not given again.
	PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass,
			least(max_value, coalesce(last_value, start_value) + 1000000 * increment_by))
		FROM pg_sequences WHERE schemaname = 'public';
	INSERT INTO public.restores (backup, ends) VALUES (restore_finish.backup, restore_finish.ends);

	-- Bridges of our own contract refuse an epoch below the highest that they have seen, also of an account that was first assigned since.
	INSERT INTO public.account_control (workspace_id, account_id)
		SELECT workspace_id, id FROM public.whatsapp_accounts WHERE bridge_kind = 'blazz' ON CONFLICT (workspace_id, account_id) DO NOTHING;
	UPDATE public.account_control SET assignment_epoch = assignment_epoch + 1000000;
	UPDATE public.leases SET until = least(until, now());
	DELETE FROM public.account_qr;

	UPDATE public.consumer_progress p SET next_offset = g.low, start_offset = g.low, epoch = p.epoch + 1, applied = 0, no_effect = 0,
			filtered = 0, parked = 0, dead_lettered = 0, skipped = 0, updated_at = now()
		FROM jsonb_to_recordset(gaps) AS g (consumer text, topic text, partition integer, low bigint)
		WHERE (p.consumer, p.topic, p.partition) = (g.consumer, g.topic, g.partition);
	IF new_cluster IS NOT NULL THEN
		UPDATE public.consumer_progress SET cluster_id = new_cluster, next_offset = NULL, start_offset = NULL, epoch = epoch + 1,
			applied = 0, no_effect = 0, filtered = 0, parked = 0, dead_lettered = 0, skipped = 0, updated_at = now();
		DELETE FROM public.webhook_positions;
		-- Their events are in the other cluster only. As blazzctl retry drop: the dispatcher ends them, and releases what waits for them.
		UPDATE public.webhook_retry_queue SET dropped = true, updated_at = now(),
				next_retry_at = CASE WHEN next_retry_at = 'infinity' THEN next_retry_at ELSE now() END
			WHERE status IN ('pending', 'retrying') AND payload IS NULL;
	END IF;
END
$$;
REVOKE ALL ON FUNCTION restore_finish FROM PUBLIC;

UPDATE schema_version SET version = 8;

COMMIT;
