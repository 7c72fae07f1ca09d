/* Messages follow their conversation into the one that it merged into: in slices. */
#ifndef CHAT_SYNC_RESOLVE_MERGING_H
#define CHAT_SYNC_RESOLVE_MERGING_H

#include "chat-sync/work.h"

/* Before a transaction. */
void merging_reset(struct merging *m);
/* `from` merges into `into`: of its messages those that this transaction may still move come at once, the others by merging_step(). */
int merging_begin(struct work *w, const struct op *op, const struct conversation_row *from,
	const struct conversation_row *into, struct err *err) ERR_MUST_USE;
/* What is on its way and has one of these keys comes at once. */
int merging_move_named(struct work *w, const struct message_key *keys, size_t n, struct err *err) ERR_MUST_USE;
/* A slice of what is on its way in these partitions, or of a rename of senders. 1: something was; 0: nothing is. */
int merging_step(struct work *w, const struct topic_partition *partitions, size_t n, struct err *err) ERR_MUST_USE;

#endif
