SELECT uuid, contact_id, group_id, sequence, unread_messages, archived_at, merged_into FROM conversations WHERE false;
SELECT message_key, wam_id, client_message_id, origin, placeholder, metadata, sent_at FROM chats WHERE false;
SELECT status, at FROM chat_receipts WHERE false;
SELECT emoji, at FROM chat_reactions WHERE false;
SELECT at FROM chat_reactions_withdrawn WHERE false;
SELECT mime, url FROM chat_media WHERE false;
SELECT target, record_value, expires_at FROM parked_updates WHERE false;
SELECT sync_id, index, synced_mask, open FROM account_syncs WHERE false;
SELECT last_value FROM chats_id_block WHERE false;
