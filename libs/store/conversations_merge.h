/* Merging two conversations of one account. The one that goes has merged_into at once; its messages follow in slices, since a statement
 * over all of them would take as long as there are messages. Until the last has come, a row of conversation_merges says that some are
 * on their way.
 *
 * A message moves as a whole: where the key is in the conversation that goes on already, it collapses onto that one's row, with the
 * furthest status and what hangs on them; unread_messages and last_message_id of the conversation that goes on count it from then on.
 */
#ifndef STORE_CONVERSATIONS_MERGE_H
#define STORE_CONVERSATIONS_MERGE_H

#include "base/arena.h"
#include "store/messages.h"

struct conversation_merge {
	int64_t workspace_id, from, into; /* conversations */
	struct str topic; /* of the account's events, whose partition's owner moves the messages */
	int32_t partition;
	int64_t upto_us; /* messages sent later than this have moved; PG_NO_TIME: none has */
};

/* A message that moved. */
struct merged_message {
	int64_t workspace_id, into;
	int64_t id, twin; /* twin: the row that it collapsed onto; 0: it moved as it is */
	int32_t unread; /* what it adds to the unread count of `into` */
};
typedef void merged_each(void *ctx, const struct merged_message *message);

/* `from` gets merged_into, its unread count becomes 0, its parked updates are of `into`, and what was on its way into `from` goes on
 * into `into`. No message moves yet. */
int store_conversations_merge(struct pg *pg, const struct conversation_merge *merge, struct err *err) ERR_MUST_USE;
/* Moves at most `limit` messages, the newest first, and advances merge->upto_us; with the last one the merge is over. Returns how many
 * (fewer than limit: it is over), -1 on failure. */
int store_conversations_merge_step(struct pg *pg, struct conversation_merge *merge, int limit, merged_each *each,
	void *ctx, struct err *err) ERR_MUST_USE;
/* Moves those that store_messages_find() would find by these keys, had they come already. */
int store_conversations_merge_named(struct pg *pg, const struct message_key *keys, size_t n, merged_each *each,
	void *ctx, struct err *err) ERR_MUST_USE;
/* Merges whose messages are on their way, of these partitions of a topic, `limit` of them: those that moved longest ago. */
int store_conversations_merging(struct pg *pg, struct str topic, const int32_t *partitions, size_t n, int limit,
	struct arena *a, struct conversation_merge **out, size_t *n_out, struct err *err) ERR_MUST_USE;

#endif
