SELECT uuid, session_id, provider_ref, phone_number_id, secrets, status, status_at, sync FROM whatsapp_accounts WHERE false;
SELECT uuid, kind, secrets FROM provider_apps WHERE false;
SELECT code, expires_at FROM account_qr WHERE false;
SELECT uuid, settings FROM workspaces WHERE false;
SELECT uuid, role FROM users WHERE false;
SELECT 1 / count(*)::int FROM pg_constraint WHERE conname = 'whatsapp_accounts_waba_owner' AND contype = 'x';
SELECT 1 / count(*)::int FROM pg_constraint WHERE conname = 'whatsapp_accounts_session_is_no_uuid' AND contype = 'c';
SELECT 1 / count(*)::int FROM pg_trigger WHERE tgname = 'check_app' AND tgrelid = 'whatsapp_accounts'::regclass;
