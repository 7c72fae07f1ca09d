/* Merging two conversations of one account. The merged one gets merged_into at once; its messages follow in slices,
 * since the time of one statement over all of them would have no bound. A row of conversation_merges exists until the
 * last message has moved.
 *
 *   from: m5 m4 m3 m2 m1 --slices, newest first--> into      conversation_merges: upto_us falls with every slice
 *
 * A message moves with its receipts, reactions and media. When the surviving conversation already has a message with
 * its key, it collapses onto that row, with the further status of the two; unread_messages and last_message_id of the
 * surviving conversation include it from then on.
 */
#ifndef STORE_CONVERSATIONS_MERGE_H
#define STORE_CONVERSATIONS_MERGE_H

#include "base/arena.h"
#include "store/messages.h"

struct conversation_merge {
	int64_t workspace_id, from, into; /* conversations */
	/* The topic of the account's events: the owner of the account's partition in it moves the messages. */
	struct str topic;
	int32_t partition;
	int64_t upto_us; /* messages sent later than this have moved; PG_NO_TIME: none has */
};

/* A message that moved. */
struct merged_message {
	int64_t workspace_id, into;
	int64_t id, twin; /* twin: the row that it collapsed onto; 0: it moved unchanged */
	int32_t unread; /* what it adds to the unread count of `into` */
};
typedef void merged_each(void *ctx, const struct merged_message *message);

/* Sets merged_into of `from` and its unread count to 0, moves its parked updates to `into`, and redirects pending
 * merges into `from` to `into`. No message moves yet. */
int store_conversations_merge(struct pg *pg, const struct conversation_merge *merge, struct err *err) ERR_MUST_USE;
/* Moves at most `limit` messages, the newest first, and advances merge->upto_us; with the last one the merge is over.
 * Returns how many (fewer than limit: it is over), -1 on failure. */
int store_conversations_merge_step(struct pg *pg, struct conversation_merge *merge, int limit, merged_each *each,
	void *ctx, struct err *err) ERR_MUST_USE;
/* Moves ahead the messages that these keys name, so that store_messages_find() then finds them. */
int store_conversations_merge_named(struct pg *pg, const struct message_key *keys, size_t n, merged_each *each,
	void *ctx, struct err *err) ERR_MUST_USE;
/* Pending merges of these partitions of a topic, at most `limit`: those whose last slice is longest ago. */
int store_conversations_merging(struct pg *pg, struct str topic, const int32_t *partitions, size_t n, int limit,
	struct arena *a, struct conversation_merge **out, size_t *n_out, struct err *err) ERR_MUST_USE;

#endif
