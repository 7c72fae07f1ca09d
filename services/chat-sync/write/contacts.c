/* Writes changed contacts and their opt-outs; see tables.h. Invariant: a contact is locked and rebased before it is written. */
#include "chat-sync/fold/people.h"
#include "chat-sync/identity/contact.h"
#include "chat-sync/rejections.h"
#include "chat-sync/write/tables.h"

struct changed_contacts {
	const struct contact_row **rows;
	struct person **people; /* of all ops that may have changed one */
	size_t n_people;
};

static int contacts_put(struct work *w, void *ctx, struct err *err)
{
	const struct changed_contacts *c = ctx;

	return store_contacts(w->pg, c->rows, w->contacts.n, err);
}

static bool is_alone(const struct changed_contacts *c, const struct person *p)
{
	for (size_t i = 0; i < c->n_people; i++)
		if (c->people[i]->contact == p->contact && c->people[i]->op->item != p->op->item)
			return false;
	return true;
}

/* The row as this record alone leaves it; of a contact that other records changed, too, only with the name of this record. */
static int contact_put(struct work *w, void *ctx, size_t i, struct err *err)
{
	const struct changed_contacts *c = ctx;
	const struct person *p = c->people[i];
	struct contact_row row = is_alone(c, p) ? p->contact->row : contact_named_by(p, &p->contact->read);
	const struct contact_row *one = &row;

	return store_contacts(w->pg, &one, 1, err);
}

static struct batch_item *contact_item(struct work *w, void *ctx, size_t i)
{
	const struct changed_contacts *c = ctx;

	(void)w;
	return c->people[i]->op->item;
}

static void changed_by(struct changed_contacts *c, struct person *p)
{
	if (p && p->contact && p->contact->dirty)
		c->people[c->n_people++] = p;
}

int contacts_write(struct work *w, struct err *err)
{
	struct changed_contacts c = { .rows = ARENA_ARRAY(w->arena, const struct contact_row *, w->contacts.n),
		.people = ARENA_ARRAY(w->arena, struct person *, 2 * w->ops.n) };
	struct rows_write write = {
		.rows = &c, .all = contacts_put, .one = contact_put, .one_is_started = true, .item_of = contact_item
	};

	if (contacts_lock(w, err) < 0)
		return -1;
	for (size_t i = 0; i < w->contacts.n; i++)
		c.rows[i] = &w->contacts.at[i]->row;
	for (size_t i = 0; w->isolating && i < w->ops.n; i++) {
		changed_by(&c, w->ops.at[i]->peer);
		changed_by(&c, w->ops.at[i]->author);
	}
	write.n = c.n_people;
	if (w->contacts.n > 0 && rows_write(w, &write, err) < 0)
		return -1;
	for (size_t i = 0; i < w->contacts.n; i++)
		w->contacts.at[i]->read = w->contacts.at[i]->row;
	return 0;
}

static int opt_outs_put(struct work *w, void *rows, size_t from, size_t n, struct err *err)
{
	return store_opt_outs(w->pg, (struct opt_out_row *)rows + from, n, err);
}

int opt_outs_write(struct work *w, struct err *err)
{
	struct op_rows put = { w->opt_outs.at, w->opt_out_ops.at, w->opt_outs.n, opt_outs_put };

	if (w->opt_outs.n == 0)
		return 0;
	/* An objection to a contact that another partition has merged or erased meanwhile would be lost. */
	if (store_contacts_hold(w->pg, w->opt_out_contacts.at, w->opt_out_contacts.n, err) < 0 ||
		op_rows_write(w, &put, err) < 0)
		return -1;
	for (size_t i = 0; i < w->opt_outs.n; i++)
		if (w->opt_outs.at[i].changed)
			effect_add_opt_out(w, w->opt_out_ops.at[i]);
	return 0;
}
