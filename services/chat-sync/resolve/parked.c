/* See parked.h. */
#include "chat-sync/resolve/parked.h"
#include "chat-sync/expand.h"
#include "chat-sync/resolve/message_index.h"
#include "chat-sync/resolve/message_search.h"

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

int parked_load(struct work *w, struct err *err)
{
	struct message_search s = { .keys = { NULL, 0, 0 } };

	map_clear(w->index);
	for (size_t i = 0; i < w->ops.n; i++) {
		struct op *op = w->ops.at[i];
		struct str head, stanza;

		if (!op->row || !op->row->inserted || op->duplicate || op->target || !op->account->row.has_parked)
			continue;
		message_search_add(w, &s, op, op->row->row.key, 0);
		if (str_cut(op->row->row.key, ':', &head, &stanza))
			message_search_add(w, &s, op, message_key_of_stanza(w, "?", stanza), 0);
	}
	return s.keys.n == 0 ? 0 : store_parked_find(w->pg, s.keys.at, s.keys.n, w->arena, parked_found, w, err);
}
