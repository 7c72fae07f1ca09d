/* Who is who: aliases of a batch's people to contacts, found, created on first sight, or found to be one person.
 *
 * Another partition of the workspace may meet the same person at the same moment: then all of it is read and decided again, a few times
 * (README.md, Contacts).
 */
#ifndef CHAT_SYNC_IDENTITY_RESOLVE_H
#define CHAT_SYNC_IDENTITY_RESOLVE_H

#include "chat-sync/work.h"

/* Sets the contact of each person: NULL when it is only looked up and not known. ERR_RETRY when other partitions are first each time. */
int people_resolve(struct work *w, struct err *err) ERR_MUST_USE;

#endif
