/* See targets.h. */
#include "chat-sync/resolve/targets.h"
#include "chat-sync/resolve/message_index.h"
#include "chat-sync/resolve/message_search.h"

/* Of one row with this key, that one; of several, the one in the event's conversation. */
static struct message *target_among(struct message *m, const struct conversation *v)
{
	if (!m || !m->next_same_key)
		return m;
	return v ? message_in_conversation(m, v->row.id) : NULL;
}

static struct message *target_find(struct work *w, const struct op *op)
{
	int64_t account = op->account->row.id;
	struct message *mine, *theirs;

	if (op->target->key.n > 0)
		return target_among(messages_by_key(w, account, op->target->key), op->conversation);
	mine = messages_by_key(w, account, message_key_of_stanza(w, "true", op->target->stanza));
	theirs = messages_by_key(w, account, message_key_of_stanza(w, "false", op->target->stanza));
	if (op->conversation && mine && theirs) {
		mine = message_in_conversation(mine, op->conversation->row.id);
		theirs = message_in_conversation(theirs, op->conversation->row.id);
	}
	if (mine && theirs)
		return NULL; /* the conversation has both */
	return target_among(mine ? mine : theirs, op->conversation);
}

/* The row with the client_message_id that the op names. */
static struct message *own_row(struct work *w, const struct op *op)
{
	struct own_message *own = op->own;

	if (own->row || !own->key.p)
		return own->row;
	for (struct message *m = messages_by_key(w, op->account->row.id, own->key); m; m = m->next_same_key)
		if (str_eq(m->row.client_message_id, own->client_id))
			own->row = m;
	return own->row;
}

/* By key first: a copy of a message that was seen elsewhere has its key, and may not have the id. */
static struct message *row_find(struct work *w, const struct op *op)
{
	struct message *own = op->own ? own_row(w, op) : NULL;
	struct message *of_key = op->target ? NULL : messages_by_key(w, op->account->row.id, op->message->key);
	struct message *m = op->target ? target_find(w, op) : message_in_conversation(of_key, op->conversation->row.id);

	if (m || own)
		return m ? m : own;
	return target_among(of_key, op->conversation); /* own_copies_find() */
}

/* A parked update that joined the batch may need the content of a message that was read without: it stays parked for the sweep. */
static struct message *target_readable(struct message *m, const struct op *op)
{
	return m && !m->row.metadata.p && op_needs_content(op) ? NULL : m;
}

void targets_resolve(struct work *w)
{
	for (size_t i = 0; i < w->ops.n; i++) {
		struct op *op = w->ops.at[i];

		if (op->target || op->by_own)
			op->row = target_readable(row_find(w, op), op);
	}
}
