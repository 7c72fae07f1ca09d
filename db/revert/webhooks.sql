BEGIN;
DROP FUNCTION webhook_attempts_maintain(integer, integer);
DROP TABLE webhook_attempts, webhook_retry_queue, webhook_positions, webhook_replays, webhook_endpoints;
DROP FUNCTION webhook_endpoints_check_count, headers_are_plain(jsonb);
COMMIT;
