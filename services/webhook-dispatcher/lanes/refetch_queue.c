/* See refetch_queue.h. Invariant: the queue is sorted by offset; `refetching` of a chain and of a lane is the number of its rows in it. */
#include "webhook-dispatcher/lanes/refetch_queue.h"

#include <stdlib.h>

static struct str row_key(const struct retry_row *row)
{
	return (struct str){ (const char *)&row->id, sizeof(row->id) };
}

void refetch_queue_add(struct partition *p, struct chain *c, const struct retry_row *row)
{
	struct refetch_row *queued = mem_calloc(1, sizeof(*queued)), *before = TAILQ_FIRST(&p->refetch_queue);

	queued->row = *row;
	queued->row.last_error = row->last_error.p ? STR("") : STR_NONE; /* only whether there was one */
	queued->chain = c;
	c->refetching++;
	c->lane->refetching++;
	*map_slot(p->by_row, row_key(row)) = queued;
	while (before && before->row.offset <= row->offset)
		before = TAILQ_NEXT(before, in_queue);
	if (before)
		TAILQ_INSERT_BEFORE(before, queued, in_queue);
	else
		TAILQ_INSERT_TAIL(&p->refetch_queue, queued, in_queue);
}

void refetch_queue_remove(struct partition *p, struct refetch_row *queued)
{
	queued->chain->refetching--;
	queued->chain->lane->refetching--;
	map_del(p->by_row, row_key(&queued->row));
	TAILQ_REMOVE(&p->refetch_queue, queued, in_queue);
	free(queued);
}

/* These rows return in the commit that writes the failure of the row before them: otherwise the next claim of that row could include later rows
 * and miss these. */
void refetch_queue_unclaim(struct chain *c)
{
	struct partition *p = c->lane->partition;
	struct refetch_row *queued, *next;

	for (queued = TAILQ_FIRST(&p->refetch_queue); queued && c->refetching > 0; queued = next) {
		next = TAILQ_NEXT(queued, in_queue);
		if (queued->chain != c)
			continue;
		journal_add_result(p->shared->journal, &queued->row, RETRY_PENDING, RETRY_WAITS, NULL);
		if (c->lane->endpoint->live) /* the oldest row of the chain may be among them */
			journal_add_release(p->shared->journal, &queued->row);
		refetch_queue_remove(p, queued);
	}
}

void refetch_queue_clear(struct partition *p)
{
	struct refetch_row *queued, *next;

	for (queued = TAILQ_FIRST(&p->refetch_queue); queued; queued = next) {
		next = TAILQ_NEXT(queued, in_queue);
		refetch_queue_remove(p, queued);
	}
}
