/* Copies of a message that Blazz sent, in another conversation: its Dispatch names the phone, its echo a LID that is not known as that person's
 * yet.
 *
 * Invariant: a message in another conversation counts as a copy only when it is the account's only one of that key, both are outbound, and one of
 * the two names a client_message_id: the id that the provider gave to Blazz is that of one message.
 * Source: README.md, Messages that Blazz sends.
 */
#ifndef CHAT_SYNC_RESOLVE_OWN_COPIES_H
#define CHAT_SYNC_RESOLVE_OWN_COPIES_H

#include "chat-sync/work.h"

/* Whether the message is the one that the op is a copy of; `m` is the account's only one of the op's key. */
bool own_copy_matches(const struct op *op, const struct message_row *m);
/* Sets op->by_own and op->duplicate of copies of messages that are stored in another conversation. */
int own_copies_find(struct work *w, struct err *err) ERR_MUST_USE;

#endif
