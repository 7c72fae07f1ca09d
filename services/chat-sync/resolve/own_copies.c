/* See own_copies.h. */
#include "chat-sync/resolve/own_copies.h"

struct own_copy {
	struct op *op;
	size_t n; /* messages of the key, counted up to two */
	bool matches;
};

static bool op_may_be_copy(const struct op *op)
{
	return op->kind == IN_MESSAGE && op->message && op->conversation && !op->group &&
		op->message->direction == DIR_OUTBOUND && !op->message->synthetic_key;
}

bool own_copy_matches(const struct op *op, const struct message_row *m)
{
	return op_may_be_copy(op) && m->direction == DIR_OUTBOUND &&
		(op->message->client_message_id.n > 0) != (m->client_message_id.n > 0);
}

static void stored_found(void *ctx, size_t i, const struct message_row *row)
{
	struct own_copy *copy = &((struct own_copy *)ctx)[i];

	copy->n++;
	copy->matches = row->conversation_id != copy->op->conversation->row.id && own_copy_matches(copy->op, row);
}

/* Only these are looked up, since each look-up costs a batch a statement: an echo that names a phone is in the Dispatch's conversation. */
static bool op_may_be_elsewhere(const struct op *op)
{
	return op_may_be_copy(op) &&
		(op->message->client_message_id.n > 0 ||
			(op->peer && op->peer->contact && op->peer->contact->row.phone.n == 0));
}

int own_copies_find(struct work *w, struct err *err)
{
	struct own_copy *copies = ARENA_ARRAY(w->arena, struct own_copy, w->ops.n);
	struct message_key *keys = ARENA_ARRAY(w->arena, struct message_key, w->ops.n);
	size_t n = 0;

	for (size_t i = 0; i < w->ops.n; i++) {
		struct op *op = w->ops.at[i];

		if (!op_may_be_elsewhere(op))
			continue;
		copies[n].op = op;
		keys[n++] = (struct message_key){ op->account->row.workspace_id, op->account->row.id, op->message->key,
			0, false };
	}
	if (n > 0 && store_messages_find(w->pg, keys, n, w->arena, stored_found, copies, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (copies[i].n == 1 && copies[i].matches)
			copies[i].op->by_own = copies[i].op->duplicate = true;
	return 0;
}
