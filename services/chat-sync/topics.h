/* The topics of chat-sync's owner, by index. */
#ifndef CHAT_SYNC_TOPICS_H
#define CHAT_SYNC_TOPICS_H

enum { INBOUND, INBOUND_BULK };

#endif
