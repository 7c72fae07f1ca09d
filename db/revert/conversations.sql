BEGIN;
DROP TABLE account_syncs, parked_updates, chat_media, sender_renames, chat_reactions_withdrawn, chat_reactions, chat_receipts, chats, conversation_merges, conversations;
DROP SEQUENCE chats_id_block;
COMMIT;
