/* A contact in memory: which of its names and details win, and how it meets what another partition wrote meanwhile.
 *
 * Contacts belong to the workspace, and any of its partitions may change them. Invariant: a contact is written only after
 * contacts_lock() has read it again in the same transaction.
 */
#ifndef CHAT_SYNC_IDENTITY_CONTACT_H
#define CHAT_SYNC_IDENTITY_CONTACT_H

#include "chat-sync/work.h"

/* A row as it was just read (a callback of libs/store; ctx is the work): what this batch changed of the contact stays. */
void contact_loaded(void *ctx, const struct contact_row *row);
/* Locks the contacts that are about to be written, and takes over what others wrote meanwhile. */
int contacts_lock(struct work *w, struct err *err) ERR_MUST_USE;
/* Who a contact is by now: itself, or the one that it was merged into. Accepts NULL. */
struct contact *contact_final(struct work *w, struct contact *c);
void contact_set_phone(struct work *w, struct contact *c, struct str phone, struct str key, const char *region);
/* Takes over a name that wins (of `got` only the name counts), and tells no event so. */
bool contact_apply_name(struct work *w, struct contact *c, const struct contact_row *got);
/* The same with its event. True when the contact is called otherwise now; the name's time may have moved all the same. */
bool contact_rename(struct work *w, struct contact *c, const struct contact_row *got, const struct op *op);
/* Takes over the email, picture and place in the address book of `got` that are newer than the contact's: the parts that differ now. */
unsigned contact_apply_details(struct work *w, struct contact *c, const struct contact_row *got);
void person_apply_name(struct work *w, struct person *p); /* the push name that came with an event */
/* The contact as that name alone leaves it. */
struct contact_row contact_named_by(const struct person *p, const struct contact_row *before);

#endif
