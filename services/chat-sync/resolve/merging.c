/* Moves the messages of merged conversations into the surviving ones: in slices between the batches, so that the length of a statement or
 * transaction does not grow with the conversation. Invariant: a message that a batch names is moved before the batch looks it up, so that no
 * other code has to know of pending merges. Slices of renames (identity/senders.c) take turns with these.
 */
#include "chat-sync/resolve/merging.h"
#include "chat-sync/identity/senders.h"

#define SLICE      1000 /* messages moved in one transaction, and reactions and receipts renamed */
#define MERGES_MAX 32 /* continued in one transaction, if they are small */

/* Keeps the cached row of the surviving conversation equal to the table's. */
static void message_moved(void *ctx, const struct merged_message *m)
{
	struct work *w = ctx;
	struct conversation *v = cache_conversation_by_id(w->cache, m->into);

	if (!v)
		return;
	v->row.unread += m->unread;
	if (m->twin && v->row.last_message_id == m->id)
		v->row.last_message_id = m->twin;
}

void merging_reset(struct merging *m)
{
	m->budget = SLICE;
}

/* Moves as many messages as the transaction's budget allows. */
static int merge_step(struct work *w, struct conversation_merge *merge, struct err *err)
{
	int limit = w->merging->budget;
	int n = limit > 0 ? store_conversations_merge_step(w->pg, merge, limit, message_moved, w, err) : 0;

	if (n < 0)
		return -1;
	w->merging->budget -= n;
	if (n == limit)
		w->merging->pending = true;
	return 0;
}

int merging_begin(struct work *w, const struct op *op, const struct conversation_row *from,
	const struct conversation_row *into, struct err *err)
{
	struct conversation_merge merge = { .workspace_id = from->workspace_id,
		.from = from->id,
		.into = into->id,
		.topic = str_of(w->topics[INBOUND]),
		.partition = op_partition(w, op).number,
		.upto_us = PG_NO_TIME };

	if (store_conversations_merge(w->pg, &merge, err) < 0)
		return -1;
	return merge_step(w, &merge, err);
}

int merging_move_named(struct work *w, const struct message_key *keys, size_t n, struct err *err)
{
	return w->merging->pending ? store_conversations_merge_named(w->pg, keys, n, message_moved, w, err) : 0;
}

static int messages_step(struct work *w, const int32_t *numbers, size_t n, struct err *err)
{
	struct conversation_merge *merges;
	size_t n_merges;

	if (store_conversations_merging(w->pg, str_of(w->topics[INBOUND]), numbers, n, MERGES_MAX, w->arena, &merges,
		    &n_merges, err) < 0)
		return -1;
	w->merging->pending = n_merges > 0;
	for (size_t i = 0; i < n_merges && w->merging->budget > 0; i++)
		if (merge_step(w, &merges[i], err) < 0)
			return -1;
	return n_merges > 0;
}

/* The partitions are those of inbound; inbound.bulk has the same numbers. One transaction never moves messages and renames senders: the contact
 * that senders_step() locks must be the first row that it locks. */
int merging_step(struct work *w, const struct topic_partition *partitions, size_t n, struct err *err)
{
	int32_t *numbers = ARENA_ARRAY(w->arena, int32_t, n);
	bool senders = !w->merging->senders_had_turn;
	int rc;

	for (size_t i = 0; i < n; i++)
		numbers[i] = partitions[i].number;
	w->merging->senders_had_turn = senders;
	rc = senders ? senders_step(w, numbers, n, err) : messages_step(w, numbers, n, err);
	if (rc != 0)
		return rc;
	return senders ? messages_step(w, numbers, n, err) : senders_step(w, numbers, n, err);
}
