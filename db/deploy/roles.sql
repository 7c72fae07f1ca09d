-- One role per service, each with the least it needs (grants: security.sql). Passwords are the operator's business. Roles are
-- cluster-wide, so one that exists is kept. The timeouts bound how long a paused or lost owner can hold a partition's row.
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
		-- What a role sees is said by the policies of each table (security.sql), without exception.
		EXECUTE format('ALTER ROLE %I NOBYPASSRLS', r);
	END LOOP;
END
$$;

-- These find everything by key, in batches of up to some thousand. Tables grow under them while they run, and half-grown ones look
-- cheap to read whole: 100,000 conversations for an update of 1,000 cost twice the time. (jit: what is off looks so dear that it would
-- be compiled.)
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
