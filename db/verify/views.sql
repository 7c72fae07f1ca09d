SELECT unread_messages FROM contact_activity WHERE false;
SELECT is_read FROM chat_messages WHERE false;
