-- Other databases of the cluster may use the roles: a role that still owns objects or has privileges elsewhere is kept.
BEGIN;

DROP EXTENSION IF EXISTS pg_trgm;
DROP EXTENSION IF EXISTS btree_gist;

DO $$
DECLARE
	r text;
BEGIN
	FOREACH r IN ARRAY ARRAY['blazz_ingest', 'blazz_chat_sync', 'blazz_webhook_dispatcher', 'blazz_campaign_sender',
	                         'blazz_cleanup', 'blazz_gateway', 'blazz_admin', 'blazz_ops']
	LOOP
		BEGIN
			EXECUTE format('DROP ROLE IF EXISTS %I', r);
		EXCEPTION
			WHEN dependent_objects_still_exist OR object_in_use THEN
				RAISE NOTICE 'role % is still used and stays', r;
		END;
	END LOOP;
END
$$;

COMMIT;
