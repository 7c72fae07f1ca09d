/* See users.h. */
#include "chat-sync/resolve/users.h"

static struct str op_user(const struct op *op)
{
	if (op->kind == IN_MESSAGE && op->message)
		return op->message->user_id;
	return op->kind == IN_MESSAGE_DELETE ? op->event->u.message_delete.user_id : STR_NONE;
}

/* One statement for the batch, without a cache: agents are few, and few ops name one. An unknown agent is ignored. */
int users_resolve(struct work *w, struct err *err)
{
	struct op **ops = ARENA_ARRAY(w->arena, struct op *, w->ops.n);
	struct uuid *ids = ARENA_ARRAY(w->arena, struct uuid, w->ops.n);
	int64_t *workspaces = ARENA_ARRAY(w->arena, int64_t, w->ops.n),
		*found = ARENA_ARRAY(w->arena, int64_t, w->ops.n);
	size_t n = 0;

	for (size_t i = 0; i < w->ops.n; i++) {
		if (!uuid_parse(op_user(w->ops.at[i]), &ids[n]))
			continue;
		workspaces[n] = w->ops.at[i]->account->row.workspace_id;
		ops[n++] = w->ops.at[i];
	}
	if (n == 0)
		return 0;
	if (store_users_find(w->pg, workspaces, ids, n, found, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		ops[i]->user_id = found[i];
	return 0;
}
