-- Views for the older application's queries, over the new tables. security_invoker: the reader's row-level security applies.
BEGIN;

-- Unread and latest message per contact, over its conversations of all accounts.
CREATE VIEW contact_activity WITH (security_invoker = true) AS
SELECT workspace_id, contact_id, sum(unread_messages)::bigint AS unread_messages, max(last_message_at) AS latest_chat_created_at
FROM conversations
WHERE contact_id IS NOT NULL AND merged_into IS NULL
GROUP BY workspace_id, contact_id;

-- Messages with is_read, which is false, not null, before the first read marker.
CREATE VIEW chat_messages WITH (security_invoker = true) AS
SELECT c.*, coalesce(c.sent_at <= v.last_read_at, false) AS is_read
FROM chats c
JOIN conversations v ON v.workspace_id = c.workspace_id AND v.id = c.conversation_id;

-- For each message and each endpoint that it was sent to, as long as attempts are kept: when it was delivered (null: not yet), the number of
-- retries, and the error of the last failed attempt.
CREATE VIEW chat_webhooks WITH (security_invoker = true) AS
SELECT workspace_id, chat_id, endpoint_id, min(at) FILTER (WHERE outcome = 'success') AS webhook_sent_at,
	max(attempt) - 1 AS webhook_retry_count, (array_agg(coalesce(error, outcome) ORDER BY at DESC) FILTER (WHERE outcome <> 'success'))[1]
	AS webhook_last_error
FROM webhook_attempts
WHERE chat_id IS NOT NULL
GROUP BY workspace_id, chat_id, endpoint_id;

GRANT SELECT ON contact_activity, chat_messages, chat_webhooks TO blazz_gateway, blazz_ops;

COMMIT;
