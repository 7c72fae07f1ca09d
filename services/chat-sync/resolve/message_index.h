/* The messages of a batch by account and key. */
#ifndef CHAT_SYNC_RESOLVE_MESSAGE_INDEX_H
#define CHAT_SYNC_RESOLVE_MESSAGE_INDEX_H

#include "chat-sync/work.h"

/* The bytes under which the messages of this key stand in work.by_key; in the batch's arena. */
struct str message_index_key(struct work *w, int64_t account_id, struct str key);
/* The messages with this key, each in another conversation, linked by next_same_key; NULL: none. */
struct message *messages_by_key(struct work *w, int64_t account_id, struct str key);
/* The one of such a list that is in this conversation, or NULL. */
struct message *message_in_conversation(struct message *m, int64_t conversation_id);
/* Adds the message to the index and to work.messages. */
void message_link(struct work *w, struct message *m);
/* The key of a message of which only the stanza id is known. direction: "true" (ours), "false", or "?" (parked under the bare id). */
struct str message_key_of_stanza(struct work *w, const char *direction, struct str stanza);
/* The message's public id, derived on first use. */
const struct uuid *message_uuid(struct message *m, const struct account *a);

#endif
