/* Indexes of the consumed topics in owner_options.topics. */
#ifndef CHAT_SYNC_TOPICS_H
#define CHAT_SYNC_TOPICS_H

enum { INBOUND, INBOUND_BULK };

#endif
