/* Moves the messages of merged conversations into the surviving ones, in slices. */
#ifndef CHAT_SYNC_RESOLVE_MERGING_H
#define CHAT_SYNC_RESOLVE_MERGING_H

#include "chat-sync/work.h"

/* Gives the next transaction a full budget. */
void merging_reset(struct merging *m);
/* Merges `from` into `into`: moves as many of its messages as the transaction's budget allows, the others in merging_step(). */
int merging_begin(struct work *w, const struct op *op, const struct conversation_row *from,
	const struct conversation_row *into, struct err *err) ERR_MUST_USE;
/* Moves at once the messages with these keys that pending merges have not moved yet. */
int merging_move_named(struct work *w, const struct message_key *keys, size_t n, struct err *err) ERR_MUST_USE;
/* One slice of a pending merge in these partitions, or of a rename of senders. 1: there was one; 0: there is none. */
int merging_step(struct work *w, const struct topic_partition *partitions, size_t n, struct err *err) ERR_MUST_USE;

#endif
