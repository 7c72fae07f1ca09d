BEGIN;
DROP TABLE account_syncs, parked_updates, chat_media, chat_reactions_withdrawn, chat_reactions, chat_receipts, chats, conversations;
DROP SEQUENCE chats_id_block;
COMMIT;
