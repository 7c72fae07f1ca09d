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
	struct str
		previous_key; /* of a previous holder under which the row may be stored (person.stored_holder); absent: none */
	const struct contact *contact; /* NULL: no contact is known */
	const struct contact *previous; /* the contact of previous_key */
};

struct sender sender_of(struct work *w, const struct person *p);
/* Notes which rows of the sender on the message must have pending renames applied before the batch stores its own. */
void sender_messages_add(struct work *w, const struct message_row *m, const struct sender *s);

#endif
