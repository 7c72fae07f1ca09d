SELECT uuid, kind, url, secrets, event_types, origins, enabled_at, active_from, state, disabled_at, failing_since
FROM webhook_endpoints WHERE false;
SELECT endpoint_id, replay_id, topic, partition, next_offset, live_from, start_offset, until_offset, matched, lost FROM webhook_positions WHERE false;
SELECT uuid, endpoint_id, since, event_types, only_missing, dry_run, rate, cancelled_at, completed_at FROM webhook_replays WHERE false;
SELECT event_id, payload, ordering_key, source_partition, source_offset, next_retry_at, status, dropped, lease_owner
FROM webhook_retry_queue WHERE false;
SELECT event_id, chat_id, attempt, outcome, at, total_us FROM webhook_attempts WHERE false;
SELECT 1 / count(*)::int FROM pg_proc WHERE proname = 'webhook_attempts_maintain' AND prosecdef;
SELECT 1 / count(*)::int FROM pg_constraint WHERE conname = 'webhook_endpoints_headers_are_plain';
SELECT 1 / (headers_are_plain('{"X-A": "1"}') AND NOT headers_are_plain('{"X-A": "1\r\n"}'))::int;
SELECT 1 / count(*)::int FROM pg_trigger WHERE tgname = 'check_count' AND tgrelid = 'webhook_endpoints'::regclass;
