/* See messages.h. */
#include "chat-sync/resolve/messages.h"
#include "chat-sync/expand.h"
#include "chat-sync/identity/alias.h"
#include "chat-sync/metadata.h"
#include "chat-sync/refusals.h"
#include "chat-sync/resolve/conversations.h"
#include "chat-sync/resolve/merging.h"

#include "crypto/ids.h"

#include <string.h>

#define IDS_AHEAD 16384 /* drawn at once: a question to the server for many batches; a restart loses what is left */

static struct str message_key_of(struct work *w, int64_t account_id, struct str key)
{
	char *p = arena_alloc(w->arena, sizeof(account_id) + key.n);

	memcpy(p, &account_id, sizeof(account_id));
	if (key.n > 0)
		memcpy(p + sizeof(account_id), key.p, key.n);
	return (struct str){ p, sizeof(account_id) + key.n };
}

static struct message *messages_of(struct work *w, int64_t account_id, struct str key)
{
	return map_get(w->by_key, message_key_of(w, account_id, key));
}

static struct message *message_in(struct message *m, int64_t conversation_id)
{
	while (m && m->row.conversation_id != conversation_id)
		m = m->next_same_key;
	return m;
}

static void message_link(struct work *w, struct message *m)
{
	void **place = map_slot(w->by_key, message_key_of(w, m->row.account_id, m->row.key));

	m->next_same_key = *place;
	*place = m;
	*LIST_ADD(w, &w->messages) = m;
}

/* new rows */

static int64_t message_id_next(struct cache *cache)
{
	return cache->next_message_id++;
}

static enum message_status first_status(const struct in_message *m)
{
	if (m->direction == DIR_INBOUND)
		return STATUS_DELIVERED;
	/* What was seen outside is sent at least, unless its ack says otherwise. */
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
	(void)message_take_status(r, status, op->time_us);
}

/* The first op of a key in a conversation makes the row; what follows is folded into it like any copy. */
static size_t rows_make(struct work *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->ops.n; i++) {
		struct op *op = w->ops.at[i];
		struct message *m;

		if (op->kind != IN_MESSAGE || !op->message || !op->conversation)
			continue;
		m = message_in(messages_of(w, op->account->row.id, op->message->key), op->conversation->row.id);
		if (!m) {
			m = ARENA_NEW(w->arena, struct message);
			row_fill(w, op, &m->row);
			m->conversation = op->conversation;
			m->origin_op = op;
			message_link(w, m);
			n++;
		}
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
	struct op **ops; /* all that make a row, copies too: where the first is refused the next one's may not be */
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

static int rows_insert(struct work *w, size_t n, struct err *err)
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

/* items without an id */

static void moment_found(void *ctx, size_t i, struct str key)
{
	struct message **messages = ctx;

	messages[i]->row.key = key;
}

/* What one who has no id is known by. */
static struct str moment_key(struct work *w, const struct message_row *r)
{
	struct str body = metadata_body(r->metadata, w->arena);

	return arena_printf(w->arena, "%lld:%lld:%d:%.*s", (long long)r->conversation_id, (long long)r->sent_us,
		(int)r->direction, STR_ARG(body));
}

/* The same among the batch's own messages that came before it and have ids. */
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

/* Under the key it took; a message of this batch that is there already takes over its ops. */
static void message_relink(struct work *w, struct message *m)
{
	void **place = map_slot(w->by_key, message_key_of(w, m->row.account_id, m->row.key));
	struct message *there = message_in(*place, m->row.conversation_id);

	if (there == m)
		return;
	if (!there) {
		m->next_same_key = *place;
		*place = m;
		return;
	}
	for (size_t i = 0; i < w->ops.n; i++)
		if (w->ops.at[i]->row == m) {
			w->ops.at[i]->row = there;
			w->ops.at[i]->duplicate = true;
		}
}

/* An item without an id first matches a stored message of equal conversation, time and body: it takes that one's key, and is then
 * a copy like any other. */
static int synthetic_match(struct work *w, size_t n, struct err *err)
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

/* reading what is stored */

struct search {
	LIST(struct message_key) keys;
};

/* The other updates leave a message's metadata as it is. */
static bool needs_content(const struct op *op)
{
	return op->kind == IN_MESSAGE || op->kind == IN_EDIT || op->kind == IN_POLL_VOTE ||
		(op->kind == IN_STATUS && op->event->u.status.status == STATUS_FAILED);
}

/* conversation: the one to look in first; 0: none. */
static void search_add(struct work *w, struct search *s, const struct op *op, struct str key, int64_t conversation)
{
	struct str of_account = message_key_of(w, op->account->row.id, key);
	struct {
		int64_t conversation, content;
	} head = { conversation, needs_content(op) };
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

static struct str stanza_as(struct work *w, const char *direction, struct str stanza)
{
	return arena_printf(w->arena, "%s:%.*s", direction, STR_ARG(stanza));
}

static void row_found(void *ctx, size_t key, const struct message_row *row)
{
	struct work *w = ctx;
	struct message *m = message_in(messages_of(w, row->account_id, row->key), row->conversation_id);

	(void)key;
	if (m && m->inserted)
		return;
	if (!m) {
		m = ARENA_NEW(w->arena, struct message);
		m->row = *row;
		message_link(w, m);
	}
	if (row->metadata.p) /* two keys may find it, one without content */
		m->stored_metadata = row->metadata;
	m->row = *row; /* what this batch brought is a copy */
	m->row.metadata = m->stored_metadata;
	m->origin_op = NULL;
}

/* All that the batch names but has not inserted. */
static struct search named_search(struct work *w)
{
	struct search s = { .keys = { NULL, 0, 0 } };

	map_clear(w->index);
	for (size_t i = 0; i < w->ops.n; i++) {
		struct op *op = w->ops.at[i];
		int64_t in = op->conversation ? op->conversation->row.id : 0;

		if (op->row && !op->row->inserted)
			search_add(w, &s, op, op->row->row.key, in);
		if (op->target && op->target->key.n > 0) {
			search_add(w, &s, op, op->target->key, in);
		} else if (op->target) {
			search_add(w, &s, op, stanza_as(w, "true", op->target->stanza), in);
			search_add(w, &s, op, stanza_as(w, "false", op->target->stanza), in);
		}
	}
	return s;
}

static int named_bring(struct work *w, struct err *err)
{
	struct search s = named_search(w);

	return merging_bring(w, s.keys.at, s.keys.n, err);
}

static int stored_read(struct work *w, struct err *err)
{
	struct search s = named_search(w);

	return s.keys.n == 0 ? 0 : store_messages_find(w->pg, s.keys.at, s.keys.n, w->arena, row_found, w, err);
}

/* targets */

/* One row of that key: it is the one. Several: the one within the event's conversation. */
static struct message *target_among(struct message *m, const struct conversation *v)
{
	if (!m || !m->next_same_key)
		return m;
	return v ? message_in(m, v->row.id) : NULL;
}

static struct message *target_find(struct work *w, const struct op *op)
{
	int64_t account = op->account->row.id;
	struct message *mine, *theirs;

	if (op->target->key.n > 0)
		return target_among(messages_of(w, account, op->target->key), op->conversation);
	mine = messages_of(w, account, stanza_as(w, "true", op->target->stanza));
	theirs = messages_of(w, account, stanza_as(w, "false", op->target->stanza));
	if (op->conversation && mine && theirs) {
		mine = message_in(mine, op->conversation->row.id);
		theirs = message_in(theirs, op->conversation->row.id);
	}
	if (mine && theirs)
		return NULL; /* the conversation does not tell them apart */
	return target_among(mine ? mine : theirs, op->conversation);
}

/* A parked update may name a message that others had read without its content: it waits for the sweep. */
static struct message *target_readable(struct message *m, const struct op *op)
{
	return m && !m->row.metadata.p && needs_content(op) ? NULL : m;
}

void targets_resolve(struct work *w)
{
	for (size_t i = 0; i < w->ops.n; i++) {
		struct op *op = w->ops.at[i];

		if (op->target)
			op->row = target_readable(target_find(w, op), op);
	}
}

/* parked updates */

static void parked_found(void *ctx, size_t target, const struct parked_row *row)
{
	struct work *w = ctx;
	struct inbound_event *e = ARENA_NEW(w->arena, struct inbound_event);
	struct parked_row *kept = ARENA_NEW(w->arena, struct parked_row);
	struct err err;

	(void)target;
	*kept = *row;
	if (inbound_decode(e, row->record_value, w->arena, &err) == 0)
		ops_expand_parked(w, kept, e);
}

/* What waited for the messages that have just been stored joins the batch. */
int parked_take_up(struct work *w, struct err *err)
{
	struct search s = { .keys = { NULL, 0, 0 } };

	map_clear(w->index);
	for (size_t i = 0; i < w->ops.n; i++) {
		struct op *op = w->ops.at[i];
		struct str head, stanza;

		if (!op->row || !op->row->inserted || op->duplicate || op->target || !op->account->row.has_parked)
			continue;
		search_add(w, &s, op, op->row->row.key, 0);
		if (str_cut(op->row->row.key, ':', &head, &stanza))
			search_add(w, &s, op, stanza_as(w, "?", stanza), 0);
	}
	return s.keys.n == 0 ? 0 : store_parked_find(w->pg, s.keys.at, s.keys.n, w->arena, parked_found, w, err);
}

int messages_resolve(struct work *w, struct err *err)
{
	size_t n = rows_make(w);

	if (synthetic_match(w, n, err) < 0 || named_bring(w, err) < 0 || rows_insert(w, n, err) < 0 ||
		stored_read(w, err) < 0)
		return -1;
	targets_resolve(w);
	return conversations_of_targets(w, err);
}

const struct uuid *message_uuid(struct message *m, const struct account *a)
{
	const struct str parts[] = { uuid_bytes(&a->row.uuid), m->row.key };

	if (uuid_is_nil(&m->uuid))
		uuid_v8(&m->uuid, parts, 2);
	return &m->uuid;
}
