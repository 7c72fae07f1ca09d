BEGIN;
SET LOCAL lock_timeout = '5s';
UPDATE schema_version SET version = 3;
DROP TRIGGER notify_sending ON workspaces;
DROP TRIGGER notify_sending_update ON templates;
DROP TRIGGER notify_sending_insert ON templates;
DROP TRIGGER notify_sending_update ON whatsapp_accounts;
DROP TRIGGER notify_sending_insert ON whatsapp_accounts;
DROP VIEW campaign_logs;
DROP TABLE restores, send_attempts, undeliverable, portfolio_hours, send_lanes, sends, campaign_counts, campaign_segments, campaigns,
	contact_group_members, contact_groups;
DROP FUNCTION notify_sending();
DROP FUNCTION campaigns_check_change();
DROP FUNCTION client_message_id(uuid, bigint, integer, uuid);
DROP FUNCTION send_window_at(jsonb, text, timestamptz);
DROP FUNCTION send_window_is_valid(jsonb);
CREATE OR REPLACE FUNCTION day_partitions_role(table_name text) RETURNS text LANGUAGE sql IMMUTABLE
	RETURN CASE table_name WHEN 'webhook_attempts' THEN 'blazz_webhook_dispatcher' END;
REVOKE EXECUTE ON FUNCTION day_partitions_maintain FROM blazz_campaign_sender;
REVOKE ALL ON workspaces, whatsapp_accounts, contacts, contact_aliases, contact_opt_outs, whatsapp_groups, templates, conversations, chats
	FROM blazz_campaign_sender;
ALTER ROLE blazz_campaign_sender RESET enable_seqscan;
ALTER ROLE blazz_campaign_sender RESET enable_hashjoin;
ALTER ROLE blazz_campaign_sender RESET enable_mergejoin;
ALTER ROLE blazz_campaign_sender RESET jit;
COMMIT;
