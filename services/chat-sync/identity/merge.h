/* Merges two contacts. Invariant: the older one survives, and every account that has a conversation with the other gets an identity_change. */
#ifndef CHAT_SYNC_IDENTITY_MERGE_H
#define CHAT_SYNC_IDENTITY_MERGE_H

#include "chat-sync/identity/plan.h"

/* Locks both and merges them. Two different phones are kept apart, with a notice, unless phones_may_differ: the provider has reported a number
 * change. ERR_RETRY: another transaction has merged one of them. */
int contact_merge(struct work *w, struct op *op, struct contact *a, struct contact *b, bool phones_may_differ,
	struct err *err) ERR_MUST_USE;
/* Merges the pairs of the plan. */
int contacts_merge(struct work *w, struct plan *plan, struct err *err) ERR_MUST_USE;

#endif
