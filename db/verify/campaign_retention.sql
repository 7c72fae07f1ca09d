SELECT 1 / (has_table_privilege('blazz_cleanup', 'campaigns', 'DELETE') AND has_table_privilege('blazz_cleanup', 'campaign_segments', 'DELETE')
	AND has_table_privilege('blazz_cleanup', 'campaign_counts', 'DELETE'))::int;
SELECT 1 / (has_column_privilege('blazz_cleanup', 'campaigns', 'deleted_at', 'UPDATE')
	AND NOT has_column_privilege('blazz_cleanup', 'campaigns', 'status', 'UPDATE'))::int;
SELECT 1 / (version >= 12)::int FROM schema_version;
