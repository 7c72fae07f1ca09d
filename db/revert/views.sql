BEGIN;
DROP VIEW chat_messages, contact_activity;
COMMIT;
