/* See intake.h; private.h lists the steps. */
#include "campaign-sender/intake/private.h"

#include <stdlib.h>

#include "base/clock.h"

struct intake *intake_new(const struct shared *shared, const struct intake_ops *ops)
{
	struct intake *i = mem_alloc(sizeof(*i));

	*i = (struct intake){ .shared = shared, .ops = *ops, .index = map_new() };
	return i;
}

void intake_free(struct intake *i)
{
	if (!i)
		return;
	map_free(i->index);
	free(i->due);
	free(i);
}

int intake_decode(struct intake *i, const struct kafka_message *m, struct arena *a, void **decoded, struct err *err)
{
	struct send_message *message = ARENA_NEW(a, struct send_message);

	(void)i;
	if (send_message_decode(message, m->value, a, err) < 0)
		return -1;
	*decoded = message;
	return 0;
}

int intake_apply(struct intake *i, struct owner_tx *tx, struct batch_item *const *items, size_t n, struct err *err)
{
	struct intake_work w = { .intake = i,
		.shared = i->shared,
		.tx = tx,
		.pg = owner_tx_pg(tx),
		.arena = owner_tx_arena(tx),
		.now_ms = clock_now_ms() };

	if (requests_find(&w, items, n, err) < 0 || contents_read(&w, err) < 0 || choose_accounts(&w, err) < 0 ||
		check_contents(&w, err) < 0)
		return -1;
	return requests_write(&w, err);
}

void intake_committed(struct intake *i)
{
	for (size_t k = 0; k < i->n_due; k++)
		i->ops.due(i->ops.ctx, i->due[k].workspace_id, i->due[k].account_id);
	i->n_due = 0;
}

/* Of a batch that is applied in parts, some parts are rolled back and others committed: what is due stays, since a lane that looks in
 * vain loses nothing. */
void intake_rolled_back(struct intake *i)
{
	(void)i;
}
