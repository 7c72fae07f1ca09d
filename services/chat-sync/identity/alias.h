/* The names by which a party of an event is known, and the texts that stand for it in rows.
 *
 * Invariant: aliases come in order of trust, the phone first; a username counts only where there is no other.
 */
#ifndef CHAT_SYNC_IDENTITY_ALIAS_H
#define CHAT_SYNC_IDENTITY_ALIAS_H

#include "chat-sync/work.h"

/* Fills p->aliases from its party. */
void person_aliases(struct work *w, struct person *p);
/* What a party that is no contact is called in rows: by an alias of this kind. */
struct str alias_text(struct work *w, const struct party *p, enum alias_kind kind);
/* The text that shows a party in chats.sender: the contact's phone if known, else its best alias. It changes with the contact. */
struct str sender_text(struct work *w, const struct party *p, const struct contact *c);
/* Of the author of a message: a contact that has another alias by now as it was called then. */
struct str author_text(struct work *w, const struct person *p);
/* A uuid as text: what a contact's receipts, reactions and votes are kept by. */
struct str uuid_str(struct work *w, const struct uuid *u);
/* The digits under which a number is known: as it is, or uniting the regional variants. */
struct str match_key(struct work *w, struct str phone);

#endif
