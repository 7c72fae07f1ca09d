SELECT 1 / count(*)::int FROM pg_roles WHERE rolname = 'blazz_chat_sync' AND rolbypassrls;
SELECT 1 / count(*)::int FROM pg_roles WHERE rolname = 'blazz_gateway' AND NOT rolbypassrls;
SELECT 1 / count(*)::int FROM pg_extension WHERE extname = 'pg_trgm';
