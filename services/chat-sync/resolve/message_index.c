/* See message_index.h. */
#include "chat-sync/resolve/message_index.h"

#include "crypto/ids.h"

#include <string.h>

struct str message_index_key(struct work *w, int64_t account_id, struct str key)
{
	char *p = arena_alloc(w->arena, sizeof(account_id) + key.n);

	memcpy(p, &account_id, sizeof(account_id));
	if (key.n > 0)
		memcpy(p + sizeof(account_id), key.p, key.n);
	return (struct str){ p, sizeof(account_id) + key.n };
}

struct message *messages_by_key(struct work *w, int64_t account_id, struct str key)
{
	return map_get(w->by_key, message_index_key(w, account_id, key));
}

struct message *message_in_conversation(struct message *m, int64_t conversation_id)
{
	while (m && m->row.conversation_id != conversation_id)
		m = m->next_same_key;
	return m;
}

void message_link(struct work *w, struct message *m)
{
	void **place = map_slot(w->by_key, message_index_key(w, m->row.account_id, m->row.key));

	m->next_same_key = *place;
	*place = m;
	*LIST_ADD(w, &w->messages) = m;
}

struct str message_key_of_stanza(struct work *w, const char *direction, struct str stanza)
{
	return arena_printf(w->arena, "%s:%.*s", direction, STR_ARG(stanza));
}

const struct uuid *message_uuid(struct message *m, const struct account *a)
{
	const struct str parts[] = { uuid_bytes(&a->row.uuid), m->row.key };

	if (uuid_is_nil(&m->uuid))
		uuid_v8(&m->uuid, parts, 2);
	return &m->uuid;
}
