SELECT unread_messages FROM contact_activity WHERE false;
SELECT is_read FROM chat_messages WHERE false;
SELECT webhook_sent_at, webhook_retry_count, webhook_last_error FROM chat_webhooks WHERE false;
