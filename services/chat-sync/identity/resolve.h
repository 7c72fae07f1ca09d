/* Resolves the people of a batch to contacts by their aliases: finds, creates or merges contacts.
 *
 * Another partition of the workspace may create the same contact at the same moment. Invariant: then everything is read and decided again, a
 * few times (README.md, Contacts).
 */
#ifndef CHAT_SYNC_IDENTITY_RESOLVE_H
#define CHAT_SYNC_IDENTITY_RESOLVE_H

#include "chat-sync/work.h"

/* Sets the contact of each person: NULL when it is only looked up and unknown. ERR_RETRY when other partitions are first each time. */
int people_resolve(struct work *w, struct err *err) ERR_MUST_USE;

#endif
