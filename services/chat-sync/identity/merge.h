/* Two contacts become one. Invariant: the older survives, and every account that has a conversation with the other is told. */
#ifndef CHAT_SYNC_IDENTITY_MERGE_H
#define CHAT_SYNC_IDENTITY_MERGE_H

#include "chat-sync/identity/plan.h"

/* Locks both and merges them; the other accounts' partitions are told. Two different phones are kept apart, with a notice, unless the
 * provider itself says that the number changed. */
int contact_merge(struct work *w, struct op *op, struct contact *a, struct contact *b, bool phones_may_differ,
	struct err *err) ERR_MUST_USE;
/* Those of the plan. */
int contacts_merge(struct work *w, struct plan *plan, struct err *err) ERR_MUST_USE;

#endif
