/* What is stored under a name becomes the contact's whose name it is now. */
#ifndef CHAT_SYNC_IDENTITY_ADOPT_H
#define CHAT_SYNC_IDENTITY_ADOPT_H

#include "chat-sync/work.h"

struct sender_rename sender_rename_to(struct work *w, const struct op *op, struct str from, const struct contact *c);
/* What was sent under an alias while no contact had it. */
struct sender_rename alias_adoption(struct work *w, const struct person *p, const struct alias_row *alias,
	const struct contact *c);
int alias_adopt(struct work *w, const struct person *p, const struct alias_row *alias, const struct contact *c,
	struct err *err) ERR_MUST_USE;

#endif
