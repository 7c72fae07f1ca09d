/* What the steps share; see work.h. */
#include "chat-sync/work.h"

void conversation_touch(struct work *w, struct conversation *v)
{
	if (v->dirty)
		return;
	v->dirty = true;
	*LIST_ADD(w, &w->conversations) = v;
}

void contact_touch(struct work *w, struct contact *c)
{
	if (c->dirty)
		return;
	c->dirty = true;
	*LIST_ADD(w, &w->contacts) = c;
}

void contact_change(struct work *w, struct contact *c, const struct op *op, unsigned parts)
{
	contact_touch(w, c);
	c->changed |= parts;
	if (!c->changed_by)
		c->changed_by = op;
}

void group_touch(struct work *w, struct group *g)
{
	if (g->dirty)
		return;
	g->dirty = true;
	*LIST_ADD(w, &w->groups) = g;
}

void account_touch(struct work *w, struct account *a)
{
	if (a->dirty)
		return;
	a->dirty = true;
	*LIST_ADD(w, &w->accounts) = a;
}

struct topic_partition parked_partition(const struct work *w, const struct parked_row *row)
{
	return (struct topic_partition){ str_is(row->topic, w->topics[INBOUND_BULK]) ? INBOUND_BULK : INBOUND,
		row->partition };
}

struct topic_partition op_partition(const struct work *w, const struct op *op)
{
	return op->item ? op->item->partition : parked_partition(w, op->parked);
}
