/* See groups.h. */
#include "chat-sync/resolve/groups.h"
#include "chat-sync/report.h"

#include "crypto/ids.h"

#include <stdlib.h>

/* An op that changes a group needs it locked and read again, since other accounts change it, too. */
static bool op_changes_group(const struct op *op, const struct group *g)
{
	if (op->kind == IN_GROUP_CHANGE)
		return true;
	if (!op->chat || !op->chat->is_group)
		return false;
	return op->kind == IN_CHAT_STATE || op->kind == IN_CONTACT_ERASE ||
		(op->kind == IN_MESSAGE && op->chat->group.name.n > 0 && (!g || str_eq(g->row.name, g->row.jid)));
}

static const struct group_ref *op_group_ref(const struct op *op)
{
	if (op->kind == IN_GROUP_CHANGE)
		return &op->event->u.group_change.group;
	return op->chat && op->chat->is_group && op->chat->group.jid.n > 0 ? &op->chat->group : NULL;
}

struct wanted_group {
	int64_t workspace_id;
	const struct uuid *workspace;
	const struct group_ref *ref;
	bool lock;
};

static int wanted_cmp(const void *a, const void *b)
{
	const struct wanted_group *x = *(struct wanted_group *const *)a, *y = *(struct wanted_group *const *)b;

	if (x->workspace_id != y->workspace_id)
		return x->workspace_id < y->workspace_id ? -1 : 1;
	return str_cmp(x->ref->jid, y->ref->jid);
}

/* The groups that must be read, each once: not cached or out of date, or to be changed. */
static size_t groups_wanted(struct work *w, struct wanted_group **out)
{
	size_t n = 0, hits = 0;

	map_clear(w->index);
	for (size_t i = 0; i < w->ops.n; i++) {
		const struct op *op = w->ops.at[i];
		const struct group_ref *ref = op_group_ref(op);
		const struct group *g;
		struct wanted_group *one;
		void **seen;

		if (!ref)
			continue;
		g = cache_group(w->cache, op->account->row.workspace_id, ref->jid);
		if (g && !op_changes_group(op, g) && w->now_mono_ms - g->read_mono_ms <= w->cache->ttl_ms) {
			hits++;
			continue;
		}
		seen = map_slot(w->index,
			arena_printf(w->arena, "%lld:%.*s", (long long)op->account->row.workspace_id,
				STR_ARG(ref->jid)));
		one = *seen;
		if (!one) {
			*seen = one = ARENA_NEW(w->arena, struct wanted_group);
			*one = (struct wanted_group){ op->account->row.workspace_id, &op->account->row.workspace, ref,
				false };
			out[n++] = one;
		}
		one->lock = one->lock || op_changes_group(op, g);
	}
	report_cache(w->report, "groups", hits, n);
	return n;
}

/* Derived from the workspace and the group's jid: when events are read again after the database was restored, the group gets the same public
 * id, whichever event comes first. */
static void group_uuid(const struct wanted_group *g, struct uuid *out)
{
	const struct str parts[] = { uuid_bytes(g->workspace), STR("group"), g->ref->jid };

	uuid_v8(out, parts, sizeof(parts) / sizeof(parts[0]));
}

static int groups_read(struct work *w, struct wanted_group **wanted, size_t n, struct err *err)
{
	struct group_row **rows = ARENA_ARRAY(w->arena, struct group_row *, n);
	bool *lock = ARENA_ARRAY(w->arena, bool, n), *created = ARENA_ARRAY(w->arena, bool, n);

	qsort(wanted, n, sizeof(struct wanted_group *), wanted_cmp);
	for (size_t i = 0; i < n; i++) {
		rows[i] = ARENA_NEW(w->arena, struct group_row);
		rows[i]->workspace_id = wanted[i]->workspace_id;
		rows[i]->jid = wanted[i]->ref->jid;
		group_uuid(wanted[i], &rows[i]->uuid);
		rows[i]->name = wanted[i]->ref->name.n > 0 ? wanted[i]->ref->name : STR_NONE;
		lock[i] = wanted[i]->lock;
	}
	if (store_groups_upsert(w->pg, rows, lock, created, n, w->arena, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct group *g = cache_put_group(w->cache, rows[i], w->now_mono_ms);

		g->created = g->created || created[i]; /* parked updates resolve groups a second time */
		g->locked = g->locked || lock[i];
	}
	return 0;
}

int groups_resolve(struct work *w, struct err *err)
{
	struct wanted_group **wanted = ARENA_ARRAY(w->arena, struct wanted_group *, w->ops.n);
	size_t n = groups_wanted(w, wanted);

	if (n > 0 && groups_read(w, wanted, n, err) < 0)
		return -1;
	for (size_t i = 0; i < w->ops.n; i++) {
		struct op *op = w->ops.at[i];
		const struct group_ref *ref = op_group_ref(op);

		if (ref)
			op->group = cache_group(w->cache, op->account->row.workspace_id, ref->jid);
	}
	return 0;
}
