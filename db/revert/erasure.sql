BEGIN;
SET LOCAL lock_timeout = '5s';
UPDATE schema_version SET version = 10;
REVOKE DELETE ON contact_former_aliases, contact_opt_outs, conversations FROM blazz_chat_sync;
ALTER TABLE contacts DROP COLUMN erased_at;
COMMIT;
