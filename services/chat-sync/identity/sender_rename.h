/* What is stored under a name becomes the contact's whose name it is now. */
#ifndef CHAT_SYNC_IDENTITY_SENDER_RENAME_H
#define CHAT_SYNC_IDENTITY_SENDER_RENAME_H

#include "chat-sync/work.h"

struct sender_rename sender_rename_of(struct work *w, const struct op *op, struct str from, const struct contact *c);
/* What was sent under an alias while no contact had it. */
struct sender_rename alias_sender_rename(struct work *w, const struct person *p, const struct alias_row *alias,
	const struct contact *c);
int alias_rename_senders(struct work *w, const struct person *p, const struct alias_row *alias, const struct contact *c,
	struct err *err) ERR_MUST_USE;

#endif
