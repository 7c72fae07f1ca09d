/* Contacts in memory: names and details are merged by the rules, also with what other partitions have written meanwhile.
 *
 * Contacts belong to the workspace, and any of its partitions may change them. Invariant: a contact is written only after
 * contacts_lock() has read it again in the same transaction.
 */
#ifndef CHAT_SYNC_IDENTITY_CONTACT_H
#define CHAT_SYNC_IDENTITY_CONTACT_H

#include "chat-sync/work.h"

/* Callback of libs/store, ctx: struct work. Puts a row that was just read into the cache; the batch's changes to the contact stay. */
void contact_loaded(void *ctx, const struct contact_row *row);
/* Locks the changed contacts in id order, reads them again, and rebases the batch's changes on what others have written meanwhile. ERR_RETRY
 * when one was erased. */
int contacts_lock(struct work *w, struct err *err) ERR_MUST_USE;
/* The contact itself, or the surviving one if it was merged. Accepts NULL. */
struct contact *contact_final(struct work *w, struct contact *c);
void contact_set_phone(struct work *w, struct contact *c, struct str phone, struct str key, const char *region);
/* Applies the name of `got` if it wins; adds no event. */
bool contact_apply_name(struct work *w, struct contact *c, const struct contact_row *got);
/* The same, and the change is published as the op's. True when the name differs now; the name's time may change without that. */
bool contact_rename(struct work *w, struct contact *c, const struct contact_row *got, const struct op *op);
/* Applies email, picture and address book of `got`, each if newer. Returns the parts that differ now. */
unsigned contact_apply_details(struct work *w, struct contact *c, const struct contact_row *got);
/* Applies the push name of an event. */
void person_apply_name(struct work *w, struct person *p);
/* `before` with that name applied, if it wins. */
struct contact_row contact_named_by(const struct person *p, const struct contact_row *before);

#endif
