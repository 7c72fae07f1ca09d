BEGIN;
DROP TABLE account_qr, whatsapp_accounts, provider_apps, users, workspaces;
DROP FUNCTION whatsapp_accounts_check_app();
COMMIT;
