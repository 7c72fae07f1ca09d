/* See new_messages.h. */
#include "chat-sync/resolve/new_messages.h"
#include "chat-sync/identity/alias.h"
#include "chat-sync/metadata/call.h"
#include "chat-sync/metadata/metadata.h"
#include "chat-sync/rejections.h"
#include "chat-sync/resolve/message_index.h"
#include "chat-sync/resolve/own_copies.h"

#define IDS_AHEAD 16384 /* drawn at once: one statement for many batches; a restart skips the rest */

static int64_t message_id_next(struct cache *cache)
{
	return cache->next_message_id++;
}

static enum message_status first_status(const struct in_message *m)
{
	if (m->direction == DIR_INBOUND)
		return STATUS_DELIVERED;
	/* A message that was sent elsewhere is at least sent, unless its ack says otherwise. */
	return m->status == STATUS_NONE || m->status == STATUS_DELETED ? STATUS_SENT : m->status;
}

static void row_fill(struct work *w, struct op *op, struct message_row *r)
{
	const struct in_message *m = op->message;
	enum message_status status = first_status(m);

	r->workspace_id = op->account->row.workspace_id;
	r->account_id = op->account->row.id;
	r->conversation_id = op->conversation->row.id;
	r->key = m->key;
	r->wam_id = m->provider_id.n > 0 ? m->provider_id : STR_NONE;
	r->client_message_id = m->client_message_id.n > 0 ? m->client_message_id : STR_NONE;
	r->direction = m->direction;
	r->type = m->type == MSG_NONE ? MSG_UNKNOWN : m->type;
	r->sender = op->author ? author_text(w, op->author) : STR_NONE;
	r->origin = op->origin;
	r->placeholder = m->placeholder;
	r->metadata = metadata_of(m, op->suspect_ms, w->scratch, w->arena);
	if (op->event->kind == IN_CALL)
		(void)metadata_call(r->metadata, &op->event->u.call, w->arena, &r->metadata);
	r->sent_us = op->time_us;
	r->user_id = op->user_id;
	r->delivered_us = r->read_us = r->edited_us = r->revoked_us = r->deleted_us = PG_NO_TIME;
	r->status = STATUS_PENDING;
	(void)message_apply_status(r, status, op->time_us);
}

/* The message of the batch that the op is a copy of. */
static struct message *new_message_of(struct work *w, const struct op *op)
{
	struct message *of_key = messages_by_key(w, op->account->row.id, op->message->key);
	struct message *m = message_in_conversation(of_key, op->conversation->row.id);

	if (m || !of_key || of_key->next_same_key)
		return m;
	return own_copy_matches(op, &of_key->row) ? of_key : NULL;
}

/* The first op of a key in a conversation makes the row; later ops are folded into it as copies. So are ops with a client_message_id that a row
 * of another key has, and copies in another conversation of a stored message: targets_resolve() finds it. */
size_t new_messages_make(struct work *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->ops.n; i++) {
		struct op *op = w->ops.at[i];
		struct own_message *own = op->own;
		struct message *m;

		if (op->kind != IN_MESSAGE || !op->message || !op->conversation || op->by_own)
			continue;
		m = new_message_of(w, op);
		if (own && (own->key.p || (!m && own->row))) {
			op->by_own = op->duplicate = true;
			continue;
		}
		if (!m) {
			m = ARENA_NEW(w->arena, struct message);
			row_fill(w, op, &m->row);
			m->conversation = op->conversation;
			m->origin_op = op;
			message_link(w, m);
			n++;
		}
		if (own && !own->row)
			own->row = m;
		op->row = m;
		op->duplicate = m->origin_op != op;
	}
	return n;
}

static int ids_assign(struct work *w, size_t n, struct err *err)
{
	struct cache *cache = w->cache;

	if (cache->last_message_id - cache->next_message_id < (int64_t)n) {
		size_t drawn;
		int64_t first;

		if (store_message_ids_draw(w->pg, n < IDS_AHEAD ? IDS_AHEAD : n, &first, &drawn, err) < 0)
			return -1;
		cache->next_message_id = first;
		cache->last_message_id = first + (int64_t)drawn;
	}
	for (size_t i = 0; i < w->messages.n; i++)
		w->messages.at[i]->row.id = message_id_next(cache);
	return 0;
}

static void inserted_mark(struct message *m, bool inserted)
{
	m->inserted = inserted;
	if (inserted)
		m->stored_metadata = m->row.metadata;
}

struct new_rows {
	const struct message_row **rows;
	bool *inserted;
	size_t n;
	struct op **
		ops; /* all ops with a row, copies too: where the row of the first is rejected, that of a copy may not be */
};

static int new_rows_insert(struct work *w, void *ctx, struct err *err)
{
	struct new_rows *r = ctx;

	if (store_messages_insert(w->pg, r->rows, r->n, err) < 0)
		return -1;
	for (size_t i = 0; i < r->n; i++) /* while the server inserts */
		message_uuid(w->messages.at[i], w->messages.at[i]->conversation->account);
	return store_messages_inserted(w->pg, r->rows, r->n, r->inserted, err);
}

static int new_row_insert(struct work *w, void *ctx, size_t i, struct err *err)
{
	const struct new_rows *r = ctx;
	struct op *op = r->ops[i];
	struct message_row row = op->row->row;
	const struct message_row *one = &row;

	if (op->duplicate)
		row_fill(w, op, &row);
	return store_messages_insert(w->pg, &one, 1, err);
}

static struct batch_item *new_row_item(struct work *w, void *ctx, size_t i)
{
	const struct new_rows *r = ctx;

	(void)w;
	return r->ops[i]->item;
}

int new_messages_insert(struct work *w, size_t n, struct err *err)
{
	struct new_rows r = { .rows = ARENA_ARRAY(w->arena, const struct message_row *, n),
		.inserted = ARENA_ARRAY(w->arena, bool, n),
		.n = n,
		.ops = ARENA_ARRAY(w->arena, struct op *, w->ops.n) };
	struct rows_write write = { .rows = &r,
		.n_early = n,
		.all = new_rows_insert,
		.one = new_row_insert,
		.one_is_started = true,
		.item_of = new_row_item };

	if (n == 0)
		return 0;
	if (ids_assign(w, n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		r.rows[i] = &w->messages.at[i]->row;
	for (size_t i = 0; i < w->ops.n; i++)
		if (w->ops.at[i]->kind == IN_MESSAGE && w->ops.at[i]->row)
			r.ops[write.n++] = w->ops.at[i];
	if (rows_write(w, &write, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		inserted_mark(w->messages.at[i], r.inserted[i]);
	return 0;
}
