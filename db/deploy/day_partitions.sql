-- Partitions by day for every table that has them, not only for webhook_attempts. Services require schema version 3 from here on.
BEGIN;
SET LOCAL lock_timeout = '5s';

-- The closed list: the role that maintains the partitions of a table, null for any other table. A change that adds a table replaces this
-- function, and grants day_partitions_maintain to the role.
CREATE FUNCTION day_partitions_role(table_name text) RETURNS text LANGUAGE sql IMMUTABLE
	RETURN CASE table_name WHEN 'webhook_attempts' THEN 'blazz_webhook_dispatcher' END;

-- One partition per day in UTC. A partition is created separately and then attached, which blocks no reader or writer. Dropping one blocks
-- them for a moment, and is postponed when a long query holds the lock. No role has privileges on partitions: they are accessed only
-- through the table, under its row-level security.
--
-- It runs as its owner, so the invoker is the role of the session. webhook_attempts_maintain, which earlier releases call, uses the same lock.
CREATE FUNCTION day_partitions_maintain(table_name text, days_ahead integer, keep_days integer) RETURNS void LANGUAGE plpgsql
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET lock_timeout = '2s' AS $$
DECLARE
	invoker name := CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role') END;
	maintainer text := public.day_partitions_role(table_name);
	day date;
	part text;
BEGIN
	IF maintainer IS NULL THEN
		RAISE EXCEPTION 'no table that is partitioned by day' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF NOT pg_has_role(invoker, maintainer, 'MEMBER') THEN
		RAISE EXCEPTION 'the partitions are maintained by %', maintainer USING ERRCODE = 'insufficient_privilege';
	END IF;
	IF days_ahead IS NULL OR keep_days IS NULL OR days_ahead NOT BETWEEN 0 AND 31 OR keep_days NOT BETWEEN 1 AND 3660 THEN
		RAISE EXCEPTION 'days_ahead is 0 to 31, keep_days 1 to 3660' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM pg_advisory_xact_lock(hashtextextended(table_name || '_maintain', 0));
	FOR offset_days IN -1 .. days_ahead LOOP
		day := current_date + offset_days;
		part := table_name || '_' || to_char(day, 'YYYYMMDD');
		CONTINUE WHEN to_regclass('public.' || part) IS NOT NULL;
		EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING STORAGE INCLUDING COMPRESSION)', part, table_name);
		EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', part); -- without a policy no access is possible
		EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
			table_name, part, day::timestamptz, (day + 1)::timestamptz);
	END LOOP;
	FOR part IN
		SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = format('public.%I', table_name)::regclass AND right(c.relname, 8)::date < current_date - keep_days
		ORDER BY c.relname
	LOOP
		BEGIN
			EXECUTE format('DROP TABLE public.%I', part);
		EXCEPTION
			WHEN lock_not_available THEN
				RAISE NOTICE '% is in use and stays for now', part;
		END;
	END LOOP;
END
$$;

REVOKE EXECUTE ON FUNCTION day_partitions_role, day_partitions_maintain FROM PUBLIC;
GRANT EXECUTE ON FUNCTION day_partitions_maintain TO blazz_webhook_dispatcher;

UPDATE schema_version SET version = 3;

COMMIT;
