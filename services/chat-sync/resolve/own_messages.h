/* What is known of the messages that Blazz sent itself, by client_message_id: their stored rows, and the statuses and Dispatches that are parked.
 *
 * Invariant: a client_message_id belongs to one row of its account. A Dispatch whose outcome is unknown becomes a message when a status
 * names its id, never without one. Source: README.md, Messages that Blazz sends.
 */
#ifndef CHAT_SYNC_RESOLVE_OWN_MESSAGES_H
#define CHAT_SYNC_RESOLVE_OWN_MESSAGES_H

#include "chat-sync/work.h"

/* Sets op->own and adds what is parked under the same ids as further ops, before their people are resolved. */
int own_messages_join(struct work *w, struct err *err) ERR_MUST_USE;
/* Sets op->own of the parked updates that parked_load() has added: the ops from `from` on. */
int own_messages_of_parked(struct work *w, size_t from, struct err *err) ERR_MUST_USE;

#endif
