-- Deletion of workspaces: a deleted workspace can be restored for some days; then cleanup deletes its sessions, and after them its rows.
-- Services require schema version 13 from here on.
BEGIN;
SET LOCAL lock_timeout = '5s';

-- Written by cleanup. Null: the workspace is not deleted, or can be restored. sessions: its accounts are deleted at their bridges; rows: its
-- rows are deleted, table by table.
ALTER TABLE workspaces
	ADD COLUMN deletion_stage text CHECK (deletion_stage IN ('sessions', 'rows')),
	ADD COLUMN deletion_stage_at timestamptz,
	ADD CONSTRAINT workspaces_stage_of_deleted CHECK (deletion_stage IS NULL OR deleted_at IS NOT NULL);

-- gateway and blazzctl delete and restore; cleanup alone writes the stage.
REVOKE UPDATE ON workspaces FROM blazz_gateway;
GRANT UPDATE (name, settings, updated_at, deleted_at) ON workspaces TO blazz_gateway;
GRANT UPDATE (deletion_stage, deletion_stage_at), SELECT (deletion_stage, deletion_stage_at, ctid, tableoid), DELETE ON workspaces TO blazz_cleanup;
GRANT SELECT (deletion_stage) ON workspaces TO blazz_webhook_dispatcher, blazz_campaign_sender;

-- The job deletes rows by workspace and key, a page at a time, by their place. Tables that it already reads whole are not named again.
GRANT SELECT (workspace_id, id, ctid, tableoid), DELETE ON parked_updates, sends, campaigns, templates, webhook_replays, webhook_retry_queue,
	webhook_endpoints, contact_opt_outs, users TO blazz_cleanup;
GRANT SELECT (id, workspace_id, ctid, tableoid), DELETE ON provider_apps TO blazz_cleanup;
GRANT SELECT (workspace_id, chat_id, ctid, tableoid), DELETE ON chat_media TO blazz_cleanup;
GRANT SELECT (workspace_id, account_id, ctid, tableoid), DELETE ON send_lanes TO blazz_cleanup;
GRANT SELECT (workspace_id, conversation_id, ctid, tableoid), DELETE ON conversation_merges TO blazz_cleanup;
GRANT SELECT (workspace_id, sender, ctid, tableoid), DELETE ON sender_renames TO blazz_cleanup;
GRANT SELECT (workspace_id, campaign_id, ctid, tableoid), DELETE ON campaign_segments TO blazz_cleanup;
GRANT SELECT (workspace_id, send_id, ctid, tableoid), DELETE ON send_attempts TO blazz_cleanup;
GRANT SELECT (workspace_id, endpoint_id, ctid, tableoid), DELETE ON webhook_positions, webhook_attempts TO blazz_cleanup;
GRANT SELECT (workspace_id, ctid, tableoid), DELETE ON portfolio_hours TO blazz_cleanup;
GRANT DELETE ON conversations, contacts, contact_aliases, contact_former_aliases, contact_groups, whatsapp_groups, whatsapp_accounts,
	campaign_counts, erasures TO blazz_cleanup;

-- What services know of a workspace's accounts and endpoints changes with it.
GRANT SELECT (uuid, deleted_at) ON webhook_endpoints TO blazz_cleanup;
CREATE FUNCTION notify_workspace() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_notify('blazz_accounts', 'account:' || a.uuid) FROM whatsapp_accounts a WHERE a.workspace_id = NEW.id;
	PERFORM pg_notify('blazz_webhooks', e.uuid::text) FROM webhook_endpoints e WHERE e.workspace_id = NEW.id AND e.deleted_at IS NULL;
	RETURN NULL;
END
$$;
CREATE TRIGGER notify_workspace AFTER UPDATE OF deleted_at, deletion_stage ON workspaces FOR EACH ROW
	WHEN ((OLD.deleted_at, OLD.deletion_stage) IS DISTINCT FROM (NEW.deleted_at, NEW.deletion_stage)) EXECUTE FUNCTION notify_workspace();

UPDATE schema_version SET version = 13;

COMMIT;
