/* What jobs ask of accounts. Flags are set here, and the next accounts_flush() carries them out, unless the account's status or desired state
 * changes before. */
#ifndef CLEANUP_ENDING_H
#define CLEANUP_ENDING_H

#include "cleanup/accounts/accounts.h"

/* Registered, or to be assigned; live; with a session; and desired connected. */
bool account_is_kept_connected(const struct account *a);
bool account_is_connected(const struct account *a); /* as reported or as observed */
/* Every session that its instance can tell about was looked at since this replica leads. */
bool accounts_are_known(const struct accounts *all);
/* A look was made since this replica leads, or there is no instance to be asked. */
bool account_is_known(const struct account *a);
bool accounts_observing_only(const struct accounts *all);

/* requested: by an operator, which the log of deletions says. */
void account_delete(struct account *a, enum account_ending why, bool requested);
/* Its session is reported lost, because the QR code was not scanned in time. */
void account_expire(struct account *a);
void account_notice_duplicate(struct account *a);

size_t accounts_ending(const struct accounts *all); /* accounts that still wait for accounts_flush() */
int64_t accounts_ended(const struct accounts *all); /* since the start: deleted or expired because a job asked for it */

/* For accounts_flush(): the row to be deleted, as it was decided upon. */
struct account_deletion account_deletion(const struct account *a);

#endif
