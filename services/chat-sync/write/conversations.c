/* Writes conversations, their read markers, and groups; see tables.h. */
#include "chat-sync/fold/chat.h"
#include "chat-sync/write/tables.h"

#include <stdlib.h>

/* Derives read markers from the bridges' unread counts, now that the batch's messages are stored. */
int unread_marks_write(struct work *w, struct err *err)
{
	if (w->marks.n == 0)
		return 0;
	if (store_conversations_unread_marks(w->pg, w->marks.at, w->marks.n, err) < 0)
		return -1;
	for (size_t i = 0; i < w->marks.n; i++)
		fold_unread_mark(w, w->mark_ops.at[i], w->marks.at[i].read_us);
	return 0;
}

int groups_write(struct work *w, struct err *err)
{
	const struct group_row **groups = ARENA_ARRAY(w->arena, const struct group_row *, w->groups.n);

	for (size_t i = 0; i < w->groups.n; i++) {
		group_store_members(w, w->groups.at[i]);
		groups[i] = &w->groups.at[i]->row;
	}
	return w->groups.n > 0 ? store_groups(w->pg, groups, w->groups.n, err) : 0;
}

static int row_cmp(const void *a, const void *b)
{
	const struct conversation_row *x = *(const struct conversation_row *const *)a,
				      *y = *(const struct conversation_row *const *)b;

	if (x->workspace_id != y->workspace_id)
		return x->workspace_id < y->workspace_id ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

/* In the order of the primary key, so that the server finds neighbouring rows in its cache. */
int conversations_write(struct work *w, struct err *err)
{
	const struct conversation_row **rows =
		ARENA_ARRAY(w->arena, const struct conversation_row *, w->conversations.n);
	struct conversation_row **recount = ARENA_ARRAY(w->arena, struct conversation_row *, w->conversations.n);
	size_t n = 0;

	for (size_t i = 0; i < w->conversations.n; i++)
		if (w->conversations.at[i]->recount)
			recount[n++] = &w->conversations.at[i]->row;
	if (n > 0 && store_conversations_recount(w->pg, recount, n, err) < 0)
		return -1;
	for (size_t i = 0; i < w->conversations.n; i++)
		rows[i] = &w->conversations.at[i]->row;
	if (w->conversations.n == 0)
		return 0;
	qsort(rows, w->conversations.n, sizeof(*rows), row_cmp);
	return store_conversations(w->pg, rows, w->conversations.n, err);
}
