/* Writes receipts and reactions; see tables.h. */
#include "chat-sync/fold/reaction.h"
#include "chat-sync/fold/status.h"
#include "chat-sync/rejections.h"
#include "chat-sync/write/tables.h"

static int receipts_put(struct work *w, void *rows, size_t from, size_t n, struct err *err)
{
	return store_receipts(w->pg, (struct receipt_row *)rows + from, n, err);
}

int receipts_write(struct work *w, struct err *err)
{
	struct op_rows put = { .rows = w->receipts.at, .ops = w->receipt_ops.at, .store = receipts_put };
	size_t n = 0;

	/* One row per message and participant: the furthest status of this batch. */
	for (size_t i = 0; i < w->receipts.n; i++) {
		struct receipt_row *r = &w->receipts.at[i];
		size_t k = 0;

		while (k < n &&
			(w->receipts.at[k].chat_id != r->chat_id ||
				!str_eq(w->receipts.at[k].participant, r->participant)))
			k++;
		if (k < n && status_rank(r->status) <= status_rank(w->receipts.at[k].status))
			continue;
		w->receipts.at[k] = *r;
		w->receipt_ops.at[k] = w->receipt_ops.at[i];
		n = k == n ? n + 1 : n;
	}
	put.n = n;
	if (n == 0)
		return 0;
	if (store_receipts_rename(w->pg, w->receipt_senders.at, w->receipt_senders.n, err) < 0 ||
		op_rows_write(w, &put, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (w->receipts.at[i].changed)
			effect_add_receipt(w, w->receipt_ops.at[i]);
	return 0;
}

static int reactions_put(struct work *w, void *rows, struct err *err)
{
	(void)rows;
	return store_reactions(w->pg, w->reactions.at, w->reactions.n, err);
}

static int reaction_put(struct work *w, void *rows, size_t i, struct err *err)
{
	(void)rows;
	return store_reactions(w->pg, &w->each_reaction.at[i], 1, err);
}

static struct batch_item *reaction_item(struct work *w, void *rows, size_t i)
{
	(void)rows;
	return w->each_reaction_ops.at[i]->item;
}

int reactions_write(struct work *w, struct err *err)
{
	const struct rows_write write = {
		.n = w->each_reaction.n, .all = reactions_put, .one = reaction_put, .item_of = reaction_item
	};

	if (w->reactions.n == 0)
		return 0;
	if (store_reactions_rename(w->pg, w->reaction_senders.at, w->reaction_senders.n, err) < 0 ||
		rows_write(w, &write, err) < 0)
		return -1;
	for (size_t i = 0; i < w->reactions.n; i++)
		if (w->reactions.at[i].changed)
			effect_add_reaction(w, w->reaction_ops.at[i]);
	return 0;
}
