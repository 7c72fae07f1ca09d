SELECT uuid, session_id, provider_ref, phone_number_id, secrets, status, status_at, sync FROM whatsapp_accounts WHERE false;
SELECT uuid, kind, secrets FROM provider_apps WHERE false;
SELECT code, expires_at FROM account_qr WHERE false;
SELECT uuid, settings FROM workspaces WHERE false;
SELECT uuid, role FROM users WHERE false;
