BEGIN;
SET LOCAL lock_timeout = '5s';
UPDATE schema_version SET version = 4;
REVOKE SELECT (desired_state) ON whatsapp_accounts FROM blazz_chat_sync;
DROP FUNCTION account_primary;
ALTER TABLE account_qr DROP COLUMN kind;
ALTER TABLE whatsapp_accounts DROP COLUMN disconnect_count, DROP COLUMN reported_phone;
COMMIT;
