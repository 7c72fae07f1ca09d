SELECT 1 / (has_column_privilege('blazz_ops', 'webhook_positions', 'live_from', 'UPDATE')
	AND has_column_privilege('blazz_ops', 'webhook_retry_queue', 'source_offset', 'UPDATE')
	AND has_column_privilege('blazz_ops', 'parked_updates', 'record_offset', 'UPDATE')
	AND has_column_privilege('blazz_ops', 'send_lanes', 'partition', 'UPDATE')
	AND NOT has_column_privilege('blazz_ops', 'parked_updates', 'record_value', 'UPDATE'))::int;
SELECT 1 / (has_function_privilege('blazz_ops', 'webhook_retry_queue_load(bigint[], bigint[], bytea[])', 'EXECUTE')
	AND NOT has_function_privilege('blazz_gateway', 'webhook_retry_queue_load(bigint[], bigint[], bytea[])', 'EXECUTE')
	AND NOT has_column_privilege('blazz_ops', 'webhook_retry_queue', 'payload', 'UPDATE'))::int;
SELECT 1 / (version >= 9)::int FROM schema_version;
