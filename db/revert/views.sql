BEGIN;
DROP VIEW chat_webhooks, chat_messages, contact_activity;
COMMIT;
