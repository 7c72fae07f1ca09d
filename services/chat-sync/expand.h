/* Events to ops: one each, or several for a chat of a sync.
 *
 * Invariant: every kind of event has a row in the table.
 */
#ifndef CHAT_SYNC_EXPAND_H
#define CHAT_SYNC_EXPAND_H

#include "chat-sync/work.h"

/* By the kind of an event: fills its op, and adds the ops that it expands to. */
typedef void op_expand(struct work *w, struct op *op);
extern op_expand *const ops_expansions[IN_KINDS];
void ops_expand(struct work *w, struct batch_item *item);
void ops_expand_parked(struct work *w, const struct parked_row *parked, const struct inbound_event *event);
/* The key of a message that Blazz has no provider's id for; its Dispatch and its statuses are parked under it. In the batch's arena. */
struct str own_key(struct work *w, struct str client_id);
/* The provider's id in a message key: a bridge's key has the direction before it. */
struct str provider_id_of_key(struct str key);
/* Makes a message of a Dispatch whose outcome was unknown: a status has named its client_message_id, and the provider's key, target. */
void op_dispatch_sent(struct work *w, struct op *op, const struct target *target);
/* The targets under which a status that names a client_message_id is parked: by that id, for its Dispatch, and by the provider's key, for an
 * echo, which does not name the id. Returns how many: 0 for any other event. */
#define OWN_STATUS_TARGETS 2
size_t own_status_targets(struct work *w, const struct inbound_event *e, struct str targets[OWN_STATUS_TARGETS]);

#endif
