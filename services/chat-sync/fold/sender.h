/* Under which key the receipts, reactions and votes of a sender are stored. */
#ifndef CHAT_SYNC_FOLD_SENDER_H
#define CHAT_SYNC_FOLD_SENDER_H

#include "chat-sync/work.h"

/* Who reacts, receives or votes: `key` names a contact whatever it is called by now, anybody else as the event does. Of a contact that
 * was none before something may still be stored as `alias`. */
struct sender {
	struct str key, alias;
	struct str previous_key; /* of the previous holder of the alias under which this may be stored; absent: none */
	const struct contact *contact; /* NULL: nobody known */
	const struct contact *previous; /* the previous holder, whose key previous_key is */
};

struct sender sender_of(struct work *w, const struct person *p);
void sender_messages_add(struct work *w, const struct message_row *m, const struct sender *s);

#endif
