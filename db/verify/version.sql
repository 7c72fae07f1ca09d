SELECT 1 / count(*)::int FROM schema_version;
