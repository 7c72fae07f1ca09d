BEGIN;
DROP TABLE account_qr, whatsapp_accounts, provider_apps, users, workspaces;
COMMIT;
