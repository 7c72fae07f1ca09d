/* See own_messages.h. */
#include "chat-sync/resolve/own_messages.h"
#include "chat-sync/expand.h"
#include "chat-sync/resolve/message_index.h"
#include "chat-sync/resolve/parked.h"

struct own_messages {
	LIST(struct own_message *) list;
};

static struct str op_client_id(const struct op *op)
{
	if (op->message)
		return op->message->client_message_id;
	if (op->kind == IN_STATUS)
		return op->event->u.status.client_message_id;
	return op->kind == IN_DISPATCH ? op->event->u.dispatch.message.client_message_id : STR_NONE;
}

/* Ops from `from` on; ids that earlier ops name are in the list already. */
static void own_messages_link(struct work *w, struct own_messages *all, size_t from)
{
	map_clear(w->index);
	for (size_t i = 0; i < all->list.n; i++) {
		struct own_message *own = all->list.at[i];

		*map_slot(w->index, message_index_key(w, own->account->row.id, own->client_id)) = own;
	}
	for (size_t i = from; i < w->ops.n; i++) {
		struct op *op = w->ops.at[i];
		struct str id = op_client_id(op);
		void **place;

		if (id.n == 0)
			continue;
		place = map_slot(w->index, message_index_key(w, op->account->row.id, id));
		if (!*place) {
			struct own_message *own = ARENA_NEW(w->arena, struct own_message);

			own->client_id = id;
			own->account = op->account;
			*place = *LIST_ADD(w, &all->list) = own;
		}
		op->own = *place;
	}
}

static void own_row_found(void *ctx, size_t i, struct str key, int64_t conversation_id)
{
	struct own_message *own = ((struct own_messages *)ctx)->list.at[i];

	own->key = key;
	own->conversation_id = conversation_id;
}

/* Of those in the list from `from` on. */
static int own_rows_find(struct work *w, struct own_messages *all, size_t from, struct err *err)
{
	struct own_messages some = { .list = { all->list.at + from, all->list.n - from, 0 } };
	struct message_key *keys = ARENA_ARRAY(w->arena, struct message_key, some.list.n);

	for (size_t i = 0; i < some.list.n; i++) {
		const struct own_message *own = some.list.at[i];

		keys[i] = (struct message_key){ own->account->row.workspace_id, own->account->row.id, own->client_id, 0,
			false };
	}
	return store_messages_by_client_id(w->pg, keys, some.list.n, w->arena, own_row_found, &some, err);
}

/* Of a message that is stored nothing is parked but what the sweep is about to apply. */
static int own_parked_join(struct work *w, const struct own_messages *all, struct err *err)
{
	struct message_key *targets = ARENA_ARRAY(w->arena, struct message_key, all->list.n);
	size_t n = 0;

	for (size_t i = 0; i < all->list.n; i++) {
		const struct own_message *own = all->list.at[i];

		if (!own->key.p && own->account->row.has_parked)
			targets[n++] = (struct message_key){ own->account->row.workspace_id, own->account->row.id,
				own_key(w, own->client_id), 0, false };
	}
	return parked_join(w, targets, n, err);
}

static void own_messages_look(struct work *w)
{
	for (size_t i = 0; i < w->ops.n; i++) {
		struct op *op = w->ops.at[i];

		if (!op->own)
			continue;
		op->own->in_batch = op->own->in_batch || op->message;
		if (op->kind == IN_STATUS && !op->own->status)
			op->own->status = op;
		if (op->kind == IN_DISPATCH && !op->own->unknown)
			op->own->unknown = op;
	}
}

static bool op_is_proved_sent(const struct op *op)
{
	const struct own_message *own = op->own;

	return own && own->unknown == op && own->status && !own->in_batch && !own->key.p;
}

/* Their messages come first, so that tenants learn of a message before they learn of its status. */
static void dispatches_make_messages(struct work *w)
{
	struct op **ops = ARENA_ARRAY(w->arena, struct op *, w->ops.n);
	size_t n = 0;

	for (size_t i = 0; i < w->ops.n; i++)
		if (op_is_proved_sent(w->ops.at[i]))
			ops[n++] = w->ops.at[i];
	if (n == 0)
		return;
	for (size_t i = 0; i < w->ops.n; i++)
		if (!op_is_proved_sent(w->ops.at[i]))
			ops[n++] = w->ops.at[i];
	for (size_t i = 0; i < n; i++) {
		if (op_is_proved_sent(ops[i]))
			op_dispatch_sent(w, ops[i], &ops[i]->own->status->event->u.status.target);
		ops[i]->order = i;
		w->ops.at[i] = ops[i];
	}
}

int own_messages_join(struct work *w, struct err *err)
{
	struct own_messages all = { .list = { NULL, 0, 0 } };
	size_t n = w->ops.n;

	own_messages_link(w, &all, 0);
	if (all.list.n == 0)
		return 0;
	if (own_rows_find(w, &all, 0, err) < 0)
		return -1;
	if (!w->isolating && own_parked_join(w, &all, err) < 0)
		return -1;
	own_messages_link(w, &all, n);
	own_messages_look(w);
	dispatches_make_messages(w);
	return 0;
}

/* The ids that ops before `from` name. */
static void own_messages_known(struct work *w, struct own_messages *all, size_t from)
{
	map_clear(w->index);
	for (size_t i = 0; i < from; i++) {
		struct own_message *own = w->ops.at[i]->own;
		void **seen =
			own ? map_slot(w->index, message_index_key(w, own->account->row.id, own->client_id)) : NULL;

		if (!seen || *seen)
			continue;
		*seen = own;
		*LIST_ADD(w, &all->list) = own;
	}
}

int own_messages_of_parked(struct work *w, size_t from, struct err *err)
{
	struct own_messages all = { .list = { NULL, 0, 0 } };
	size_t known;

	if (from == w->ops.n)
		return 0;
	own_messages_known(w, &all, from);
	known = all.list.n;
	own_messages_link(w, &all, from);
	return all.list.n == known ? 0 : own_rows_find(w, &all, known, err);
}
