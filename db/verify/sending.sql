SELECT uuid, name, deleted_at FROM contact_groups WHERE false;
SELECT group_id, address, phone, name, variables FROM contact_group_members WHERE false;
SELECT uuid, campaign_type, audience, send_window, partition, status, commanded_at, prepared_at, audience_cursor, first_send_id, last_send_id,
	recipients, messages_unknown FROM campaigns WHERE false;
SELECT campaign_id, segment, account_id, partition, cursor_id, moving_to, done FROM campaign_segments WHERE false;
SELECT campaign_id, source, slot, recipients, sent, delivered, read, failed, skipped, unknown FROM campaign_counts WHERE false;
SELECT campaign_id, segment, request_id, kind, address, account_id, sent_by, status, generation, next_attempt_at, deadline, request
FROM sends WHERE false;
SELECT account_id, partition, in_flight, minute_at, hour_buckets, held_at, held_until, attempts, failures FROM send_lanes WHERE false;
SELECT business_id, hour, slot, sends FROM portfolio_hours WHERE false;
SELECT address, code, since FROM undeliverable WHERE false;
SELECT send_id, account_id, generation, attempt, class, at FROM send_attempts WHERE false;
SELECT restored_at, accepted_at FROM restores WHERE false;
SELECT campaign_id, chat_id, status FROM campaign_logs WHERE false;
SELECT 1 / (day_partitions_role('send_attempts') = 'blazz_campaign_sender')::int;
SELECT 1 / has_function_privilege('blazz_campaign_sender', 'day_partitions_maintain(text, integer, integer)', 'EXECUTE')::int;
SELECT 1 / (open AND until = '2026-01-05 20:00Z')::int
FROM send_window_at('{"from": "08:00", "to": "20:00", "days": [1]}', 'UTC', '2026-01-05 09:00Z');
SELECT 1 / (count(*) = 2)::int FROM pg_trigger WHERE tgname IN ('check_change', 'check_deletion') AND tgrelid = 'campaigns'::regclass;
SELECT 1 / (NOT has_column_privilege('blazz_gateway', 'campaigns', 'status', 'UPDATE')
	AND NOT has_column_privilege('blazz_campaign_sender', 'campaigns', 'send_window', 'UPDATE'))::int;
SELECT 1 / (version >= 4)::int FROM schema_version;
