/* The keys under which receipts, reactions and votes of a sender are stored.
 *
 * Invariant: those of a contact have its uuid, since its number and names change; those of another sender the alias in the event.
 */
#ifndef CHAT_SYNC_FOLD_SENDER_H
#define CHAT_SYNC_FOLD_SENDER_H

#include "chat-sync/work.h"

struct sender {
	struct str key;
	struct str alias; /* under which rows may be stored from the time before it belonged to a contact */
	/* The key of a previous holder, if the row may be stored under it (person.stored_holder); absent: none. */
	struct str previous_key;
	const struct contact *contact; /* NULL: no contact is known */
	const struct contact *previous; /* the contact of previous_key */
};

struct sender sender_of(struct work *w, const struct person *p);
/* Before the batch stores a row of the sender on this message, pending renames of its other rows there are applied. */
void sender_messages_add(struct work *w, const struct message_row *m, const struct sender *s);

#endif
