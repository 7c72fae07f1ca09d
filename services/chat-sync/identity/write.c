/* See write.h. */
#include "chat-sync/identity/write.h"
#include "chat-sync/identity/contact.h"
#include "chat-sync/identity/sender_rename.h"
#include "chat-sync/identity/senders.h"
#include "chat-sync/rejections.h"

#include <stdlib.h>

static int new_alias_cmp(const void *a, const void *b)
{
	const struct alias_row *x = &((const struct new_alias *)a)->row, *y = &((const struct new_alias *)b)->row;
	int c;

	if (x->workspace_id != y->workspace_id)
		return x->workspace_id < y->workspace_id ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	c = str_cmp(x->scope, y->scope);
	return c ? c : str_cmp(x->value, y->value);
}

static bool contact_lost(const struct plan *plan, const bool *inserted, const struct contact *c)
{
	for (size_t i = 0; i < plan->aliases.n; i++)
		if (plan->aliases.at[i].contact == c && !inserted[i])
			return true;
	return false;
}

/* Another partition inserted some aliases first: deletes those that this one inserted for the same contacts. The caller reads all again. */
static int aliases_release(struct work *w, struct plan *plan, const bool *inserted, struct err *err)
{
	struct alias_row *back = ARENA_ARRAY(w->arena, struct alias_row, plan->aliases.n);
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < plan->aliases.n; i++) {
		if (!contact_lost(plan, inserted, plan->aliases.at[i].contact))
			continue;
		cache_remove_alias(w->cache, &plan->aliases.at[i].row);
		if (inserted[i])
			back[n++] = plan->aliases.at[i].row;
	}
	for (size_t i = 0; i < plan->contacts.n; i++)
		if (!contact_lost(plan, inserted, plan->contacts.at[i]))
			plan->contacts.at[kept++] = plan->contacts.at[i];
	plan->contacts.n = kept;
	return n == 0 ? 0 : store_aliases_delete(w->pg, back, n, err);
}

static int new_aliases_rename_senders(struct work *w, const struct plan *plan, const bool *inserted, bool all,
	struct err *err)
{
	struct sender_rename *renames = ARENA_ARRAY(w->arena, struct sender_rename, plan->aliases.n);
	size_t n = 0;

	for (size_t i = 0; i < plan->aliases.n; i++) {
		const struct new_alias *a = &plan->aliases.at[i];

		if (all || !contact_lost(plan, inserted, a->contact))
			renames[n++] = alias_sender_rename(w, a->person, &a->row, a->contact);
	}
	return senders_rename(w, renames, n, err);
}

/* An alias must not lead to a contact that another partition has merged or erased since it was read. */
static int alias_holders_hold(struct work *w, const struct plan *plan, struct err *err)
{
	const struct contact_row **rows = ARENA_ARRAY(w->arena, const struct contact_row *, plan->aliases.n);
	size_t n = 0;

	for (size_t i = 0; i < plan->aliases.n; i++)
		if (!plan->aliases.at[i].contact->created)
			rows[n++] = &plan->aliases.at[i].contact->row;
	return store_contacts_hold(w->pg, rows, n, err);
}

int aliases_write(struct work *w, struct plan *plan, struct err *err)
{
	struct alias_row *rows = ARENA_ARRAY(w->arena, struct alias_row, plan->aliases.n);
	bool *inserted = ARENA_ARRAY(w->arena, bool, plan->aliases.n);
	bool all = true;

	if (plan->aliases.n == 0)
		return 1;
	qsort(plan->aliases.at, plan->aliases.n, sizeof(*plan->aliases.at), new_alias_cmp);
	for (size_t i = 0; i < plan->aliases.n; i++) {
		rows[i] = plan->aliases.at[i].row;
		rows[i].contact_id = plan->aliases.at[i].contact->row.id;
	}
	if (store_aliases_insert(w->pg, rows, plan->aliases.n, inserted, err) < 0)
		return -1;
	for (size_t i = 0; i < plan->aliases.n; i++)
		all = all && inserted[i];
	if (alias_holders_hold(w, plan, err) < 0 || new_aliases_rename_senders(w, plan, inserted, all, err) < 0 ||
		(!all && aliases_release(w, plan, inserted, err) < 0))
		return -1;
	plan->aliases.n = 0;
	return all;
}

static int contacts_write(struct work *w, void *ctx, struct err *err)
{
	const struct plan *plan = ctx;
	struct contact_row **rows = ARENA_ARRAY(w->arena, struct contact_row *, plan->contacts.n);

	for (size_t i = 0; i < plan->contacts.n; i++)
		rows[i] = &plan->contacts.at[i]->row;
	if (store_contacts_insert(w->pg, rows, plan->contacts.n, err) < 0)
		return -1;
	for (size_t i = 0; i < plan->contacts.n; i++)
		plan->contacts.at[i]->read = plan->contacts.at[i]->row;
	return 0;
}

/* The row as this person alone makes it. */
static int contact_write(struct work *w, void *ctx, size_t i, struct err *err)
{
	const struct person *p = w->people.at[i];
	struct contact_row row = p->contact->row;
	struct contact_row *one = &row;

	(void)ctx;
	row.first_name = row.last_name = row.full_name = STR_NONE;
	row.name_rank = 0;
	row = contact_named_by(p, &row);
	return store_contacts_insert(w->pg, &one, 1, err);
}

static struct batch_item *creator_of(struct work *w, void *ctx, size_t i)
{
	const struct person *p = w->people.at[i];

	(void)ctx;
	return p->create && p->contact && p->contact->created ? p->op->item : NULL;
}

int contacts_insert_new(struct work *w, struct plan *plan, struct err *err)
{
	const struct rows_write write = { .rows = plan,
		.n_early = plan->contacts.n,
		.all = contacts_write,
		.n = w->people.n,
		.one = contact_write,
		.item_of = creator_of };

	return plan->contacts.n == 0 ? 0 : rows_write(w, &write, err);
}
