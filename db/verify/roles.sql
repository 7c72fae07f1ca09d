SELECT 1 / (count(*) = 8)::int FROM pg_roles WHERE rolname LIKE 'blazz\_%' AND NOT rolbypassrls AND NOT rolsuper;
SELECT 1 / (count(*) = 2)::int FROM pg_extension WHERE extname IN ('pg_trgm', 'btree_gist');
