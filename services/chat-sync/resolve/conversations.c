/* See conversations.h. */
#include "chat-sync/resolve/conversations.h"
#include "chat-sync/report.h"

#include "crypto/ids.h"

static bool op_opens_conversation(const struct op *op)
{
	return op->kind == IN_MESSAGE || op->kind == IN_CHAT_STATE || op->kind == IN_GROUP_CHANGE ||
		op->kind == IN_READ_MARKER;
}

static bool op_has_conversation(const struct op *op)
{
	return op->group || (op->peer && op->peer->contact && op->kind != IN_IDENTITY_CHANGE);
}

struct wanted_conversation {
	struct conversation_row row;
	struct op *op;
	bool create;
};

/* Derived from the event that opens it, the account and the peer as the event names it: when the event is read again after the database was
 * restored, the conversation gets the same public id. Its contact may not: events of another account may have come first. */
static void conversation_uuid(const struct op *op, struct uuid *out)
{
	static const struct party none;
	const struct party *peer = op->group ? &none : op->peer->party;
	const struct str parts[] = { uuid_bytes(&op->event->id), uuid_bytes(&op->account->row.uuid),
		op->group ? op->group->row.jid : peer->jid, peer->phone, peer->lid, peer->bsuid, peer->bsuid_scope,
		peer->username };

	uuid_v8(out, parts, sizeof(parts) / sizeof(parts[0]));
}

/* Conversations that are not cached, each once. */
static size_t conversations_wanted(struct work *w, struct wanted_conversation **out)
{
	size_t n = 0, hits = 0;

	map_clear(w->index);
	for (size_t i = 0; i < w->ops.n; i++) {
		struct op *op = w->ops.at[i];
		struct contact *c = op->group ? NULL : op->peer ? op->peer->contact : NULL;
		int64_t key[3];
		struct wanted_conversation *one;
		void **seen;

		if (!op_has_conversation(op))
			continue;
		if (cache_conversation(w->cache, op->account, c, op->group)) {
			hits++;
			continue;
		}
		key[0] = op->account->row.id;
		key[1] = c ? c->row.id : 0;
		key[2] = op->group ? op->group->row.id : 0;
		seen = map_slot(w->index, (struct str){ (const char *)key, sizeof(key) });
		one = *seen;
		if (!one) {
			*seen = one = ARENA_NEW(w->arena, struct wanted_conversation);
			one->row.workspace_id = op->account->row.workspace_id;
			one->row.account_id = key[0];
			one->row.contact_id = key[1];
			one->row.group_id = key[2];
			one->op = op;
			out[n++] = one;
		}
		if (!one->create && op_opens_conversation(op)) {
			one->create = true;
			conversation_uuid(op, &one->row.uuid);
		}
	}
	report_cache(w->report, "conversations", hits, n);
	return n;
}

static int conversations_open(struct work *w, struct wanted_conversation **wanted, size_t n, struct err *err)
{
	struct conversation_row **rows = ARENA_ARRAY(w->arena, struct conversation_row *, n);
	size_t missing = 0;

	for (size_t i = 0; i < n; i++)
		rows[i] = &wanted[i]->row;
	if (store_conversations_find(w->pg, rows, n, w->arena, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (rows[i]->id == 0 && wanted[i]->create)
			rows[missing++] = &wanted[i]->row;
	if (missing > 0 && store_conversations_create(w->pg, rows, missing, w->arena, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct op *op = wanted[i]->op;

		if (wanted[i]->row.id == 0 && wanted[i]->create)
			return err_set(err, ERR_RETRY, "contact_race", "a contact was merged or erased meanwhile");
		if (wanted[i]->row.id != 0)
			cache_put_conversation(w->cache, &wanted[i]->row, op->account,
				op->group ? NULL : op->peer->contact, op->group);
	}
	return 0;
}

/* Replaces rows of merged conversations by those of the surviving ones. */
static int merged_conversations_load(struct work *w, struct conversation_row *const *rows, size_t n, struct err *err)
{
	struct conversation_row **merged = ARENA_ARRAY(w->arena, struct conversation_row *, n);
	size_t n_merged;

	do {
		n_merged = 0;
		for (size_t i = 0; i < n; i++)
			if (rows[i]->merged_into) {
				rows[i]->id = rows[i]->merged_into;
				merged[n_merged++] = rows[i];
			}
		if (store_conversations_load(w->pg, merged, n_merged, w->arena, err) < 0)
			return -1;
	} while (n_merged > 0);
	return 0;
}

/* A read marker may name its conversation by public id, even that of one that has merged since. */
static int read_markers_resolve(struct work *w, struct err *err)
{
	struct conversation_row **rows = ARENA_ARRAY(w->arena, struct conversation_row *, w->ops.n);
	struct op **ops = ARENA_ARRAY(w->arena, struct op *, w->ops.n);
	size_t n = 0;

	for (size_t i = 0; i < w->ops.n; i++) {
		struct op *op = w->ops.at[i];
		struct uuid uuid;

		if (op->kind != IN_READ_MARKER || op->conversation ||
			!uuid_parse(op->event->u.read_marker.conversation_id, &uuid))
			continue;
		rows[n] = ARENA_NEW(w->arena, struct conversation_row);
		*rows[n] = (struct conversation_row){ .workspace_id = op->account->row.workspace_id, .uuid = uuid };
		ops[n++] = op;
	}
	if (n == 0)
		return 0;
	if (store_conversations_find(w->pg, rows, n, w->arena, err) < 0 ||
		merged_conversations_load(w, rows, n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (rows[i]->id != 0 && rows[i]->account_id == ops[i]->account->row.id)
			ops[i]->conversation = cache_put_conversation(w->cache, rows[i], ops[i]->account, NULL, NULL);
	return 0;
}

static struct conversation *conversation_of(struct work *w, const struct op *op)
{
	struct contact *c = op->group ? NULL : op->peer->contact;
	struct conversation *v = cache_conversation(w->cache, op->account, c, op->group);

	if (v && !v->contact)
		v->contact = c;
	if (v && !v->group)
		v->group = op->group;
	return v;
}

int conversations_of_targets(struct work *w, struct err *err)
{
	struct conversation_row **rows = ARENA_ARRAY(w->arena, struct conversation_row *, w->messages.n);
	struct account **accounts = ARENA_ARRAY(w->arena, struct account *, w->messages.n);
	size_t n = 0;

	map_clear(w->index);
	for (size_t i = 0; i < w->ops.n; i++) {
		struct op *op = w->ops.at[i];
		int64_t id = op->row ? op->row->row.conversation_id : 0;
		void **seen;

		if (!op->row || op->row->conversation || cache_conversation_by_id(w->cache, id))
			continue;
		seen = map_slot(w->index, (struct str){ (const char *)&id, sizeof(id) });
		if (*seen)
			continue;
		*seen = w;
		accounts[n] = op->account;
		rows[n] = ARENA_NEW(w->arena, struct conversation_row);
		*rows[n++] = (struct conversation_row){ .workspace_id = op->account->row.workspace_id, .id = id };
	}
	if (n > 0 && store_conversations_load(w->pg, rows, n, w->arena, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		cache_put_conversation(w->cache, rows[i], accounts[i], NULL, NULL);
	for (size_t i = 0; i < w->ops.n; i++)
		if (w->ops.at[i]->row && !w->ops.at[i]->row->conversation)
			w->ops.at[i]->row->conversation =
				cache_conversation_by_id(w->cache, w->ops.at[i]->row->row.conversation_id);
	return 0;
}

int conversations_resolve(struct work *w, struct err *err)
{
	struct wanted_conversation **wanted = ARENA_ARRAY(w->arena, struct wanted_conversation *, w->ops.n);
	size_t n = conversations_wanted(w, wanted);

	if (n > 0 && conversations_open(w, wanted, n, err) < 0)
		return -1;
	for (size_t i = 0; i < w->ops.n; i++) {
		struct op *op = w->ops.at[i];

		if (op_has_conversation(op))
			op->conversation = conversation_of(w, op);
	}
	return read_markers_resolve(w, err);
}
