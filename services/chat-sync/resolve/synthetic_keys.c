/* See synthetic_keys.h. */
#include "chat-sync/resolve/synthetic_keys.h"
#include "chat-sync/metadata/metadata.h"
#include "chat-sync/resolve/message_index.h"

static void moment_found(void *ctx, size_t i, struct str key)
{
	struct message **messages = ctx;

	messages[i]->row.key = key;
}

/* Equal for messages that count as copies without an id. */
static struct str moment_key(struct work *w, const struct message_row *r)
{
	struct str body = metadata_body(r->metadata, w->arena);

	return arena_printf(w->arena, "%lld:%lld:%d:%.*s", (long long)r->conversation_id, (long long)r->sent_us,
		(int)r->direction, STR_ARG(body));
}

/* Compares with the batch's own messages that have ids and are earlier in it. */
static void moments_within(struct work *w, size_t n, struct message **synthetic, size_t k)
{
	map_clear(w->index);
	for (size_t i = n; i-- > 0;) {
		struct message *m = w->messages.at[i];
		void **place;

		if (m->origin_op->message->synthetic_key)
			continue;
		place = map_slot(w->index, moment_key(w, &m->row));
		m->next_same_moment = *place;
		*place = m;
	}
	for (size_t i = 0; i < k; i++)
		for (struct message *m = map_get(w->index, moment_key(w, &synthetic[i]->row)); m;
			m = m->next_same_moment)
			if (m->origin_op->order < synthetic[i]->origin_op->order)
				synthetic[i]->row.key = m->row.key;
}

/* Indexes the message under its new key; if the batch has a message with that key already, the ops refer to that one. */
static void message_relink(struct work *w, struct message *m)
{
	void **place = map_slot(w->by_key, message_index_key(w, m->row.account_id, m->row.key));
	struct message *there = message_in_conversation(*place, m->row.conversation_id);

	if (there == m)
		return;
	if (!there) {
		m->next_same_key = *place;
		*place = m;
		return;
	}
	for (size_t i = 0; i < w->ops.n; i++) {
		struct op *op = w->ops.at[i];

		if (op->own && op->own->row == m)
			op->own->row = there;
		if (op->row == m) {
			op->row = there;
			op->duplicate = true;
		}
	}
}

int synthetic_keys_match(struct work *w, size_t n, struct err *err)
{
	struct message_moment *moments = ARENA_ARRAY(w->arena, struct message_moment, n);
	struct message **synthetic = ARENA_ARRAY(w->arena, struct message *, n);
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		struct message *m = w->messages.at[i];

		if (!m->origin_op->message->synthetic_key)
			continue;
		moments[k] = (struct message_moment){ m->row.workspace_id, m->row.conversation_id, m->row.sent_us,
			m->row.direction, m->row.key, metadata_body(m->row.metadata, w->arena) };
		if (!moments[k].body.p)
			moments[k].body = STR("");
		synthetic[k++] = m;
	}
	if (k == 0)
		return 0;
	if (store_messages_at(w->pg, moments, k, w->arena, moment_found, synthetic, err) < 0)
		return -1;
	moments_within(w, n, synthetic, k);
	for (size_t i = 0; i < k; i++)
		message_relink(w, synthetic[i]);
	return 0;
}
