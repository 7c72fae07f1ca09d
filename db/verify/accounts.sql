SELECT reported_phone, disconnect_count FROM whatsapp_accounts WHERE false;
SELECT 1 / (has_column_privilege('blazz_chat_sync', 'whatsapp_accounts', 'disconnect_count', 'UPDATE')
	AND NOT has_column_privilege('blazz_gateway', 'whatsapp_accounts', 'disconnect_count', 'UPDATE'))::int;
SELECT kind FROM account_qr WHERE false;
SELECT 1 / (has_function_privilege('blazz_gateway', 'account_primary(bigint, bigint)', 'EXECUTE')
	AND NOT has_function_privilege('blazz_ops', 'account_primary(bigint, bigint)', 'EXECUTE'))::int;
SELECT 1 / (version >= 5)::int FROM schema_version;
