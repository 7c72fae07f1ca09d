-- Grants enforce one writer per column. Row-level security, which no role bypasses, enforces one writer per row of outbox and
-- consumer_progress, and separates tenants. Notifications tell ingest of changed accounts and apps.
BEGIN;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO blazz_ingest, blazz_chat_sync, blazz_webhook_dispatcher, blazz_campaign_sender, blazz_cleanup,
	blazz_gateway, blazz_ops;

-- ingest: reads accounts, apps and secrets, writes QR codes.
GRANT SELECT (id, uuid, settings, deleted_at) ON workspaces TO blazz_ingest;
GRANT SELECT (id, workspace_id, uuid, kind, secrets, deleted_at) ON provider_apps TO blazz_ingest;
GRANT SELECT (workspace_id, id, uuid, session_id, provider_type, provider_app_id, bridge_kind, provider_ref, phone_number,
	phone_number_id, waba_id, business_id, secrets, deleted_at) ON whatsapp_accounts TO blazz_ingest;
GRANT SELECT, INSERT, UPDATE ON account_qr TO blazz_ingest;

-- chat-sync: conversations and all tables that refer to them, the reported columns of accounts.
GRANT SELECT ON workspaces, users TO blazz_chat_sync;
GRANT SELECT (workspace_id, id, uuid, session_id, provider_type, bridge_kind, phone_number, phone_number_id, waba_id, business_id,
	status, status_since, status_at, is_active, last_activity_at, first_connected_at, last_connected_at, disconnected_at, disconnect_reason,
	disconnect_details, sync, notices, deleted_at, updated_at) ON whatsapp_accounts TO blazz_chat_sync;
GRANT UPDATE (status, status_since, status_at, is_active, last_activity_at, first_connected_at, last_connected_at, disconnected_at,
	disconnect_reason, disconnect_details, sync, notices, updated_at) ON whatsapp_accounts TO blazz_chat_sync;
GRANT SELECT, INSERT, UPDATE ON contacts, whatsapp_groups, contact_opt_outs, templates, conversations, chats, chat_receipts,
	chat_media, account_syncs TO blazz_chat_sync;
GRANT SELECT, INSERT, UPDATE, DELETE ON contact_aliases, chat_reactions, chat_reactions_withdrawn, parked_updates TO blazz_chat_sync;
GRANT SELECT, INSERT, UPDATE ON contact_former_aliases TO blazz_chat_sync;
GRANT DELETE ON chats, chat_receipts, chat_media TO blazz_chat_sync; -- merging conversations deletes duplicates of a message
GRANT DELETE ON account_syncs TO blazz_chat_sync; -- only the latest of each account are kept
GRANT USAGE ON SEQUENCE contacts_id_seq, contact_opt_outs_id_seq, whatsapp_groups_id_seq, templates_id_seq, conversations_id_seq,
	chats_id_block, parked_updates_id_seq TO blazz_chat_sync;

-- Every consumer writes its progress; every service that publishes from a transaction writes the outbox.
GRANT SELECT, INSERT, UPDATE ON consumer_progress TO blazz_chat_sync, blazz_webhook_dispatcher, blazz_campaign_sender;
GRANT SELECT, INSERT, DELETE ON outbox TO blazz_chat_sync, blazz_webhook_dispatcher, blazz_campaign_sender, blazz_cleanup;

-- webhook-dispatcher: endpoints, deliveries and attempts. Of an endpoint's row it writes only the health.
GRANT SELECT (id, uuid, deleted_at) ON workspaces TO blazz_webhook_dispatcher;
GRANT SELECT ON webhook_endpoints TO blazz_webhook_dispatcher;
GRANT UPDATE (state, disabled_reason, disabled_at, failing_since, updated_at) ON webhook_endpoints TO blazz_webhook_dispatcher;
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_positions, webhook_retry_queue TO blazz_webhook_dispatcher;
GRANT INSERT, SELECT (workspace_id, endpoint_id, event_id, outcome, at) ON webhook_attempts TO blazz_webhook_dispatcher;
GRANT SELECT, UPDATE (completed_at) ON webhook_replays TO blazz_webhook_dispatcher;
GRANT USAGE ON SEQUENCE webhook_retry_queue_id_seq TO blazz_webhook_dispatcher;
REVOKE EXECUTE ON FUNCTION webhook_attempts_maintain FROM PUBLIC;
GRANT EXECUTE ON FUNCTION webhook_attempts_maintain TO blazz_webhook_dispatcher;

-- gateway and blazzctl: write configuration and requested states, read what tenants may see.
GRANT SELECT, INSERT, UPDATE ON workspaces, users TO blazz_gateway;
GRANT SELECT, INSERT (workspace_id, uuid, kind, name, secrets), UPDATE (name, secrets, updated_at, deleted_at) ON provider_apps TO blazz_gateway;
GRANT SELECT ON whatsapp_accounts TO blazz_gateway;
GRANT INSERT (workspace_id, uuid, session_id, provider_type, provider_app_id, bridge_kind, provider_ref, phone_number, phone_number_id,
	waba_id, business_id, desired_state, desired_at, is_primary, secrets, metadata, created_by) ON whatsapp_accounts TO blazz_gateway;
GRANT UPDATE (session_id, provider_app_id, bridge_kind, provider_ref, phone_number, phone_number_id, waba_id, business_id, desired_state,
	desired_at, is_primary, secrets, metadata, updated_at) ON whatsapp_accounts TO blazz_gateway;
GRANT SELECT ON account_qr, contacts, contact_aliases, contact_former_aliases, contact_opt_outs, whatsapp_groups, templates, conversations, chats, chat_receipts,
	chat_reactions, chat_media, account_syncs TO blazz_gateway;
GRANT SELECT ON webhook_endpoints, webhook_positions, webhook_replays, webhook_retry_queue, webhook_attempts TO blazz_gateway;
GRANT INSERT (workspace_id, uuid, endpoint_id, since, event_types, conversation, event_id, only_missing, dry_run, rate), UPDATE (cancelled_at)
	ON webhook_replays TO blazz_gateway;
GRANT INSERT (workspace_id, uuid, kind, name, url, secrets, event_types, origins, ordering, client_errors, rate, max_in_flight, timeout_ms,
	schedule_ms, max_retries, headers, api_version, enabled, enabled_at, active_from) ON webhook_endpoints TO blazz_gateway;
GRANT UPDATE (name, url, secrets, event_types, origins, ordering, client_errors, rate, max_in_flight, timeout_ms, schedule_ms, max_retries,
	headers, api_version, enabled, enabled_at, updated_at, deleted_at) ON webhook_endpoints TO blazz_gateway;
GRANT USAGE ON SEQUENCE workspaces_id_seq, users_id_seq, provider_apps_id_seq, whatsapp_accounts_id_seq,
	webhook_endpoints_id_seq, webhook_replays_id_seq TO blazz_gateway;

-- blazzctl, which configures all workspaces: the privileges of gateway, without a tenant's view.
GRANT blazz_gateway TO blazz_admin;
GRANT INSERT (assigned_instance_url) ON whatsapp_accounts TO blazz_admin; -- for an unmanaged bridge; afterwards only cleanup writes it

-- ops: changes progress, outbox and dead letters, reads everything but secrets.
GRANT SELECT, INSERT, UPDATE, DELETE ON consumer_progress TO blazz_ops;
GRANT SELECT, DELETE ON outbox TO blazz_ops;
GRANT SELECT ON workspaces, users, contacts, contact_aliases, contact_former_aliases, contact_opt_outs, whatsapp_groups, templates, conversations, chats,
	chat_receipts, chat_reactions, chat_reactions_withdrawn, chat_media, parked_updates, account_syncs TO blazz_ops;
GRANT SELECT (workspace_id, id, uuid, session_id, provider_type, bridge_kind, provider_ref, phone_number, phone_number_id, waba_id,
	desired_state, desired_at, is_primary, status, status_since, status_at, is_active, last_activity_at, first_connected_at, last_connected_at,
	disconnected_at, disconnect_reason, disconnect_details, sync, notices, health_score, created_at, updated_at, deleted_at)
	ON whatsapp_accounts TO blazz_ops;

-- An endpoint's headers may contain a password, as its secrets do.
GRANT SELECT (workspace_id, id, uuid, kind, name, url, event_types, origins, ordering, client_errors, rate, max_in_flight, timeout_ms,
	schedule_ms, max_retries, api_version, enabled, enabled_at, active_from, state, disabled_reason, disabled_at, failing_since,
	created_at, updated_at, deleted_at) ON webhook_endpoints TO blazz_ops;
GRANT SELECT ON webhook_positions, webhook_replays, webhook_retry_queue, webhook_attempts TO blazz_ops;
GRANT UPDATE (ordering_key, retry_count, next_retry_at, status, dropped, updated_at), DELETE ON webhook_retry_queue TO blazz_ops;

-- Policies of every tenant-owned table; a test compares them with the catalogue. The services serve all tenants and rely on composite
-- keys: their policy is USING (true), which adds no cost to a statement (db/README.md).
DO $$
DECLARE
	t text;
BEGIN
	FOR t IN
		SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
		AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped)
	LOOP
		EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
		EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
		EXECUTE format('CREATE POLICY tenant ON %I TO blazz_gateway USING (workspace_id = nullif(current_setting(''blazz.workspace_id'', true), '''')::bigint)', t);
		EXECUTE format('CREATE POLICY service ON %I TO blazz_ingest, blazz_chat_sync, blazz_webhook_dispatcher, blazz_campaign_sender,'
			' blazz_cleanup, blazz_admin, blazz_ops USING (true)', t);
	END LOOP;
END
$$;
ALTER TABLE workspaces ENABLE ROW LEVEL SECURITY;
ALTER TABLE workspaces FORCE ROW LEVEL SECURITY;
CREATE POLICY service ON workspaces TO blazz_ingest, blazz_chat_sync, blazz_webhook_dispatcher, blazz_campaign_sender, blazz_cleanup,
	blazz_admin, blazz_ops USING (true);
CREATE POLICY tenant ON workspaces TO blazz_gateway USING (id = nullif(current_setting('blazz.workspace_id', true), '')::bigint);

-- A service accesses only its own rows of outbox and progress: records in another service's slot would be published in its name, and a
-- lost row is a lost event. gateway and admin have no access at all.
ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
CREATE POLICY chat_sync ON outbox TO blazz_chat_sync USING (producer = 'chat-sync');
CREATE POLICY webhook_dispatcher ON outbox TO blazz_webhook_dispatcher USING (producer = 'webhook-dispatcher');
CREATE POLICY campaign_sender ON outbox TO blazz_campaign_sender USING (producer = 'campaign-sender');
CREATE POLICY cleanup ON outbox TO blazz_cleanup USING (producer = 'cleanup');
CREATE POLICY ops ON outbox TO blazz_ops USING (true);
ALTER TABLE consumer_progress ENABLE ROW LEVEL SECURITY;
ALTER TABLE consumer_progress FORCE ROW LEVEL SECURITY;
CREATE POLICY chat_sync ON consumer_progress TO blazz_chat_sync USING (consumer = 'chat-sync');
CREATE POLICY webhook_dispatcher ON consumer_progress TO blazz_webhook_dispatcher USING (consumer = 'webhook-dispatcher');
CREATE POLICY campaign_sender ON consumer_progress TO blazz_campaign_sender USING (consumer = 'campaign-sender');
CREATE POLICY ops ON consumer_progress TO blazz_ops USING (true);

-- Notifies only when a column that ingest caches has changed: not for a status that chat-sync writes, nor for an update that writes the
-- same values.
CREATE FUNCTION notify_intake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_notify('blazz_intake', TG_TABLE_NAME || ':' || NEW.uuid::text);
	RETURN NULL;
END
$$;
CREATE TRIGGER notify_intake_insert AFTER INSERT ON whatsapp_accounts FOR EACH ROW EXECUTE FUNCTION notify_intake();
CREATE TRIGGER notify_intake_update AFTER UPDATE OF session_id, provider_app_id, bridge_kind, provider_ref, phone_number,
	phone_number_id, waba_id, business_id, secrets, deleted_at ON whatsapp_accounts FOR EACH ROW
	WHEN ((OLD.session_id, OLD.provider_app_id, OLD.bridge_kind, OLD.provider_ref, OLD.phone_number, OLD.phone_number_id, OLD.waba_id,
		OLD.business_id, OLD.secrets, OLD.deleted_at) IS DISTINCT FROM
		(NEW.session_id, NEW.provider_app_id, NEW.bridge_kind, NEW.provider_ref, NEW.phone_number, NEW.phone_number_id, NEW.waba_id,
		NEW.business_id, NEW.secrets, NEW.deleted_at))
	EXECUTE FUNCTION notify_intake();
CREATE TRIGGER notify_intake_insert AFTER INSERT ON provider_apps FOR EACH ROW EXECUTE FUNCTION notify_intake();
CREATE TRIGGER notify_intake_update AFTER UPDATE OF secrets, deleted_at ON provider_apps FOR EACH ROW
	WHEN ((OLD.secrets, OLD.deleted_at) IS DISTINCT FROM (NEW.secrets, NEW.deleted_at)) EXECUTE FUNCTION notify_intake();
CREATE TRIGGER notify_intake AFTER UPDATE OF settings, deleted_at ON workspaces FOR EACH ROW
	WHEN ((OLD.settings, OLD.deleted_at) IS DISTINCT FROM (NEW.settings, NEW.deleted_at)) EXECUTE FUNCTION notify_intake();

-- The columns of an endpoint that the dispatcher caches: all but the row's own times.
CREATE FUNCTION notify_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_notify('blazz_webhooks', NEW.uuid::text);
	RETURN NULL;
END
$$;
CREATE TRIGGER notify_webhooks_insert AFTER INSERT ON webhook_endpoints FOR EACH ROW EXECUTE FUNCTION notify_webhooks();
CREATE TRIGGER notify_webhooks_update AFTER UPDATE ON webhook_endpoints FOR EACH ROW
	WHEN ((OLD.name, OLD.url, OLD.secrets, OLD.event_types, OLD.origins, OLD.ordering, OLD.client_errors, OLD.rate, OLD.max_in_flight,
		OLD.timeout_ms, OLD.schedule_ms, OLD.max_retries, OLD.headers, OLD.api_version, OLD.enabled, OLD.enabled_at, OLD.state,
		OLD.disabled_at, OLD.failing_since, OLD.deleted_at) IS DISTINCT FROM
		(NEW.name, NEW.url, NEW.secrets, NEW.event_types, NEW.origins, NEW.ordering, NEW.client_errors, NEW.rate, NEW.max_in_flight,
		NEW.timeout_ms, NEW.schedule_ms, NEW.max_retries, NEW.headers, NEW.api_version, NEW.enabled, NEW.enabled_at, NEW.state,
		NEW.disabled_at, NEW.failing_since, NEW.deleted_at))
	EXECUTE FUNCTION notify_webhooks();

CREATE FUNCTION notify_replays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_notify('blazz_webhooks', e.uuid::text) FROM webhook_endpoints e
	WHERE e.workspace_id = NEW.workspace_id AND e.id = NEW.endpoint_id;
	RETURN NULL;
END
$$;
CREATE TRIGGER notify_replays AFTER INSERT OR UPDATE OF cancelled_at ON webhook_replays FOR EACH ROW EXECUTE FUNCTION notify_replays();

COMMIT;
