/* See message_search.h. */
#include "chat-sync/resolve/message_search.h"
#include "chat-sync/resolve/merging.h"
#include "chat-sync/resolve/message_index.h"

#include <string.h>

bool op_needs_content(const struct op *op)
{
	return op->kind == IN_MESSAGE || op->kind == IN_EDIT || op->kind == IN_POLL_VOTE ||
		(op->kind == IN_STATUS && op->event->u.status.status == STATUS_FAILED);
}

void message_search_add(struct work *w, struct message_search *s, const struct op *op, struct str key,
	int64_t conversation)
{
	struct str of_account = message_index_key(w, op->account->row.id, key);
	struct {
		int64_t conversation, content;
	} head = { conversation, op_needs_content(op) };
	char *looked_up = arena_alloc(w->arena, sizeof(head) + of_account.n);
	void **seen;

	memcpy(looked_up, &head, sizeof(head));
	memcpy(looked_up + sizeof(head), of_account.p, of_account.n);
	seen = map_slot(w->index, (struct str){ looked_up, sizeof(head) + of_account.n });
	if (*seen)
		return;
	*seen = w;
	*LIST_ADD(w, &s->keys) = (struct message_key){ op->account->row.workspace_id, op->account->row.id, key,
		conversation, head.content };
}

static void row_found(void *ctx, size_t key, const struct message_row *row)
{
	struct work *w = ctx;
	struct message *m =
		message_in_conversation(messages_by_key(w, row->account_id, row->key), row->conversation_id);

	(void)key;
	if (m && m->inserted)
		return;
	if (!m) {
		m = ARENA_NEW(w->arena, struct message);
		m->row = *row;
		message_link(w, m);
	}
	if (row->metadata.p) /* two keys may find the row, one of them without content */
		m->stored_metadata = row->metadata;
	m->row = *row; /* the batch's op becomes a copy of the stored message */
	m->row.metadata = m->stored_metadata;
	m->origin_op = NULL;
}

/* All messages that the batch names and has not inserted. */
static struct message_search named_search(struct work *w)
{
	struct message_search s = { .keys = { NULL, 0, 0 } };

	map_clear(w->index);
	for (size_t i = 0; i < w->ops.n; i++) {
		struct op *op = w->ops.at[i];
		int64_t in = op->conversation ? op->conversation->row.id : 0;

		if (op->row && !op->row->inserted)
			message_search_add(w, &s, op, op->row->row.key, in);
		if (op->by_own)
			message_search_add(w, &s, op, op->message->key, in);
		if (op->own && op->own->key.p)
			message_search_add(w, &s, op, op->own->key, op->own->conversation_id);
		if (op->target && op->target->key.n > 0) {
			message_search_add(w, &s, op, op->target->key, in);
		} else if (op->target) {
			message_search_add(w, &s, op, message_key_of_stanza(w, "true", op->target->stanza), in);
			message_search_add(w, &s, op, message_key_of_stanza(w, "false", op->target->stanza), in);
		}
	}
	return s;
}

int named_messages_move(struct work *w, struct err *err)
{
	struct message_search s = named_search(w);

	return merging_move_named(w, s.keys.at, s.keys.n, err);
}

int named_messages_read(struct work *w, struct err *err)
{
	struct message_search s = named_search(w);

	return s.keys.n == 0 ? 0 : store_messages_find(w->pg, s.keys.at, s.keys.n, w->arena, row_found, w, err);
}
