BEGIN;
DROP TRIGGER notify_replays ON webhook_replays;
DROP FUNCTION notify_replays();
DROP TRIGGER notify_webhooks_update ON webhook_endpoints;
DROP TRIGGER notify_webhooks_insert ON webhook_endpoints;
DROP FUNCTION notify_webhooks();
DROP TRIGGER notify_intake ON workspaces;
DROP TRIGGER notify_intake_update ON provider_apps;
DROP TRIGGER notify_intake_insert ON provider_apps;
DROP TRIGGER notify_intake_update ON whatsapp_accounts;
DROP TRIGGER notify_intake_insert ON whatsapp_accounts;
DROP FUNCTION notify_intake();
DO $$
DECLARE
	t text;
	p text;
BEGIN
	FOR t, p IN SELECT tablename, policyname FROM pg_policies WHERE schemaname = 'public'
	LOOP
		EXECUTE format('DROP POLICY %I ON %I', p, t);
		EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', t);
		EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', t);
	END LOOP;
END
$$;
REVOKE blazz_gateway FROM blazz_admin;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM blazz_ingest, blazz_chat_sync, blazz_webhook_dispatcher, blazz_campaign_sender,
	blazz_cleanup, blazz_gateway, blazz_admin, blazz_ops;
REVOKE ALL ON FUNCTION webhook_attempts_maintain FROM blazz_webhook_dispatcher;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM blazz_ingest, blazz_chat_sync, blazz_webhook_dispatcher, blazz_campaign_sender,
	blazz_cleanup, blazz_gateway, blazz_ops;
REVOKE USAGE ON SCHEMA public FROM blazz_ingest, blazz_chat_sync, blazz_webhook_dispatcher, blazz_campaign_sender, blazz_cleanup,
	blazz_gateway, blazz_ops;
COMMIT;
