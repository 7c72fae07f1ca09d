/* See messages.h. */
#include "chat-sync/resolve/messages.h"
#include "chat-sync/resolve/conversations.h"
#include "chat-sync/resolve/message_search.h"
#include "chat-sync/resolve/new_messages.h"
#include "chat-sync/resolve/own_copies.h"
#include "chat-sync/resolve/synthetic_keys.h"
#include "chat-sync/resolve/targets.h"

int messages_resolve(struct work *w, struct err *err)
{
	size_t n;

	if (own_copies_find(w, err) < 0)
		return -1;
	n = new_messages_make(w);
	if (synthetic_keys_match(w, n, err) < 0 || named_messages_move(w, err) < 0 ||
		new_messages_insert(w, n, err) < 0 || named_messages_read(w, err) < 0)
		return -1;
	targets_resolve(w);
	return conversations_of_targets(w, err);
}
