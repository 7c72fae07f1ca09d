-- The version that services require before they report ready. The last migration of every release ends with
-- UPDATE schema_version SET version = <n>, and SCHEMA_VERSION in libs/store/schema.h follows.
BEGIN;

CREATE TABLE schema_version (
	version integer NOT NULL
);
CREATE UNIQUE INDEX schema_version_one_row ON schema_version ((true));
INSERT INTO schema_version VALUES (1);
GRANT SELECT ON schema_version TO blazz_ingest, blazz_chat_sync, blazz_webhook_dispatcher, blazz_campaign_sender, blazz_cleanup,
	blazz_gateway, blazz_admin, blazz_ops;

COMMIT;
