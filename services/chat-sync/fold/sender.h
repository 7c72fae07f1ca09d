/* Under which key the receipts, reactions and votes of a sender are stored. */
#ifndef CHAT_SYNC_FOLD_SENDER_H
#define CHAT_SYNC_FOLD_SENDER_H

#include "chat-sync/work.h"

/* Who reacts, receives or votes: `key` names a contact whatever it is called by now, anybody else as the event does. Of a contact that
 * was none before something may still be stored as `alias`. */
struct sender {
	struct str key, alias;
	struct str before; /* key of whoever was called so before; absent: nobody */
	const struct contact *contact; /* NULL: nobody known */
	const struct contact *former; /* the one that `before` is the key of */
};

struct sender sender_of(struct work *w, const struct person *p);
void sent_add(struct work *w, const struct message_row *m, const struct sender *s);

#endif
