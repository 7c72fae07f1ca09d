/* The aliases of a party of an event, and the texts by which rows name a party.
 *
 * Invariant: aliases are in order of trust, the phone first; a username is one only if there is no other.
 */
#ifndef CHAT_SYNC_IDENTITY_ALIAS_H
#define CHAT_SYNC_IDENTITY_ALIAS_H

#include "chat-sync/work.h"

/* Fills p->aliases from its party. */
void person_aliases(struct work *w, struct person *p);
/* The text by which rows name a party that is not a contact: its alias of this kind. */
struct str alias_text(struct work *w, const struct party *p, enum alias_kind kind);
/* The text of a party in chats.sender: the contact's phone if known, else the party's first alias. */
struct str sender_text(struct work *w, const struct party *p, const struct contact *c);
/* The same for the author of a message: for a previous holder the alias in the event, since the contact has another phone now. */
struct str author_text(struct work *w, const struct person *p);
/* A uuid as text in the batch's arena: the key of a contact's receipts, reactions and votes. */
struct str uuid_str(struct work *w, const struct uuid *u);
/* The value of a phone's alias: its digits, in one form for all regional variants of the number. */
struct str match_key(struct work *w, struct str phone);

#endif
