-- Erasure of contacts: chat-sync deletes what a contact is known by, its messages, and its conversations. Services require schema version 11
-- from here on.
BEGIN;
SET LOCAL lock_timeout = '5s';

-- No alias leads to an erased contact, and it gets no new conversation. The row stays, since other rows name it.
ALTER TABLE contacts ADD erased_at timestamptz;

GRANT DELETE ON contact_former_aliases, contact_opt_outs, conversations TO blazz_chat_sync;

UPDATE schema_version SET version = 11;

COMMIT;
