/* See parked.h. */
#include "chat-sync/resolve/parked.h"
#include "chat-sync/expand.h"
#include "chat-sync/resolve/message_index.h"
#include "chat-sync/resolve/message_search.h"

static void parked_found(void *ctx, size_t target, const struct parked_row *row)
{
	struct work *w = ctx;
	void **joined = map_slot(w->index, uuid_bytes(&row->event_id)); /* it may be parked under two targets */
	struct inbound_event *e;
	struct parked_row *kept;
	struct err err;

	(void)target;
	if (*joined)
		return;
	*joined = w;
	e = ARENA_NEW(w->arena, struct inbound_event);
	kept = ARENA_NEW(w->arena, struct parked_row);
	*kept = *row;
	if (inbound_decode(e, row->record_value, w->arena, &err) == 0)
		ops_expand_parked(w, kept, e);
}

int parked_join(struct work *w, const struct message_key *targets, size_t n, struct err *err)
{
	if (n == 0)
		return 0;
	map_clear(w->index);
	for (size_t i = 0; i < w->ops.n; i++) {
		const struct parked_row *row = w->ops.at[i]->parked;

		if (row)
			*map_slot(w->index, uuid_bytes(&row->event_id)) = w;
	}
	return store_parked_find(w->pg, targets, n, w->arena, parked_found, w, err);
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
	return parked_join(w, s.keys.at, s.keys.n, err);
}
