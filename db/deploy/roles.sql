-- One role per service, with the least privileges it needs (grants: security.sql). Operators set the passwords. Roles are
-- cluster-wide, so an existing one is kept. The timeouts limit how long a paused or lost owner can lock a partition's row.
BEGIN;

DO $$
DECLARE
	r text;
BEGIN
	FOREACH r IN ARRAY ARRAY['blazz_ingest', 'blazz_chat_sync', 'blazz_webhook_dispatcher', 'blazz_campaign_sender',
	                         'blazz_cleanup', 'blazz_gateway', 'blazz_admin', 'blazz_ops']
	LOOP
		IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
			EXECUTE format('CREATE ROLE %I LOGIN', r);
		END IF;
		EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', r, '10s');
		EXECUTE format('ALTER ROLE %I SET statement_timeout = %L', r, '35s');
		EXECUTE format('ALTER ROLE %I SET lock_timeout = %L', r, '15s');
		EXECUTE format('ALTER ROLE %I SET client_connection_check_interval = %L', r, '2s');
		EXECUTE format('ALTER ROLE %I SET tcp_user_timeout = %L', r, '10s');
		-- The policies of each table (security.sql) decide what a role sees, without exception.
		EXECUTE format('ALTER ROLE %I NOBYPASSRLS', r);
	END LOOP;
END
$$;

-- These roles find all rows by key, in batches of up to a few thousand. Tables grow while statements stay prepared, and with statistics
-- from a small table the planner prefers a sequential scan: for an update of 1,000 among 100,000 conversations it takes twice as long.
-- (jit: the cost of a disabled plan type is so high that it would trigger compilation.)
DO $$
DECLARE
	r text;
BEGIN
	FOREACH r IN ARRAY ARRAY['blazz_chat_sync', 'blazz_webhook_dispatcher']
	LOOP
		EXECUTE format('ALTER ROLE %I SET enable_seqscan = off', r);
		EXECUTE format('ALTER ROLE %I SET enable_hashjoin = off', r);
		EXECUTE format('ALTER ROLE %I SET enable_mergejoin = off', r);
		EXECUTE format('ALTER ROLE %I SET jit = off', r);
	END LOOP;
END
$$;

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gist; -- the claim on a WABA (tenants.sql)

COMMIT;
