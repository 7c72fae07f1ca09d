/* Renames of senders: rows stored under an alias or a merged contact become the contact's. */
#ifndef CHAT_SYNC_IDENTITY_SENDER_RENAME_H
#define CHAT_SYNC_IDENTITY_SENDER_RENAME_H

#include "chat-sync/work.h"

/* From the key `from` to the contact; the owner of the op's partition carries it out. */
struct sender_rename sender_rename_of(struct work *w, const struct op *op, struct str from, const struct contact *c);
/* The rename of what was stored under an alias while it belonged to no contact. */
struct sender_rename alias_sender_rename(struct work *w, const struct person *p, const struct alias_row *alias,
	const struct contact *c);
int alias_rename_senders(struct work *w, const struct person *p, const struct alias_row *alias, const struct contact *c,
	struct err *err) ERR_MUST_USE;

#endif
