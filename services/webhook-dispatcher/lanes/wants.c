/* See wants.h. Invariant: a chain's `wanted` is the number of its rows in the list. */
#include "webhook-dispatcher/lanes/wants.h"

#include <stdlib.h>

static struct str row_key(const struct retry_row *row)
{
	return (struct str){ (const char *)&row->id, sizeof(row->id) };
}

void wants_add(struct partition *p, struct chain *c, const struct retry_row *row)
{
	struct want *w = mem_calloc(1, sizeof(*w)), *before = TAILQ_FIRST(&p->wants);

	w->row = *row;
	w->row.last_error = row->last_error.p ? STR("") : STR_NONE; /* whether there was one */
	w->chain = c;
	c->wanted++;
	c->lane->wanted++;
	*map_slot(p->by_row, row_key(row)) = w;
	while (before && before->row.offset <= row->offset)
		before = TAILQ_NEXT(before, in_wants);
	if (before)
		TAILQ_INSERT_BEFORE(before, w, in_wants);
	else
		TAILQ_INSERT_TAIL(&p->wants, w, in_wants);
}

void want_end(struct partition *p, struct want *w)
{
	w->chain->wanted--;
	w->chain->lane->wanted--;
	map_del(p->by_row, row_key(&w->row));
	TAILQ_REMOVE(&p->wants, w, in_wants);
	free(w);
}

/* In the commit that says that what was before them has failed: later they would come after what is claimed with it the next time. */
void wants_unclaim(struct chain *c)
{
	struct partition *p = c->lane->partition;
	struct want *w, *next;

	for (w = TAILQ_FIRST(&p->wants); w && c->wanted > 0; w = next) {
		next = TAILQ_NEXT(w, in_wants);
		if (w->chain != c)
			continue;
		journal_give_back(p->shared->journal, &w->row, RETRY_PENDING, RETRY_WAITS, NULL);
		if (c->lane->endpoint->live) /* the first one of the chain may be among them */
			journal_add_release(p->shared->journal, &w->row);
		want_end(p, w);
	}
}

void wants_clear(struct partition *p)
{
	struct want *w, *next;

	for (w = TAILQ_FIRST(&p->wants); w; w = next) {
		next = TAILQ_NEXT(w, in_wants);
		want_end(p, w);
	}
}
