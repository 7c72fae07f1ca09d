/* Events to ops: one each, or several for a chat of a sync.
 *
 * Invariant: every kind of event has a row in the table, or becomes a dead letter.
 */
#ifndef CHAT_SYNC_EXPAND_H
#define CHAT_SYNC_EXPAND_H

#include "chat-sync/work.h"

/* By the kind of an event: fills its op, and adds the ops that it expands to. NULL: the event becomes a dead letter. */
typedef void op_expand(struct work *w, struct op *op);
extern op_expand *const ops_expansions[IN_KINDS];
void ops_expand(struct work *w, struct batch_item *item);
void ops_expand_parked(struct work *w, const struct parked_row *parked, const struct inbound_event *event);

#endif
