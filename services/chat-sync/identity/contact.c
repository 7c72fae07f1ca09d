/* See contact.h. */
#include "chat-sync/identity/contact.h"

#include "phone/phone.h"

#include <stdlib.h>

bool contact_apply_name(struct work *w, struct contact *c, const struct contact_row *got)
{
	if (!name_wins(&c->row, got))
		return false;
	c->row.first_name = arena_str(w->cache->arena, got->first_name);
	c->row.last_name = arena_str(w->cache->arena, got->last_name);
	c->row.full_name = arena_str(w->cache->arena, got->full_name);
	c->row.name_rank = got->name_rank;
	c->row.name_at_us = got->name_at_us;
	return true;
}

static bool newer_text(struct work *w, struct str *have, int64_t *have_us, struct str got, int64_t got_us)
{
	bool other = !str_eq(*have, got);

	if (got.n == 0 || !newest_wins(*have_us, got_us, *have, got))
		return false;
	*have_us = got_us;
	if (other)
		*have = arena_str(w->cache->arena, got);
	return other;
}

unsigned contact_apply_details(struct work *w, struct contact *c, const struct contact_row *got)
{
	struct contact_row *r = &c->row, before = c->row;
	unsigned changed = 0;

	if (newer_text(w, &r->email, &r->email_at_us, got->email, got->email_at_us))
		changed |= CONTACT_EMAIL;
	if (newer_text(w, &r->profile_picture, &r->picture_at_us, got->profile_picture, got->picture_at_us))
		changed |= CONTACT_PICTURE;
	if (got->address_book_at_us > r->address_book_at_us ||
		(got->address_book_at_us == r->address_book_at_us && got->in_address_book)) {
		if (r->in_address_book != got->in_address_book)
			changed |= CONTACT_ADDRESS_BOOK;
		r->in_address_book = got->in_address_book;
		r->address_book_at_us = got->address_book_at_us;
	}
	if (changed || r->email_at_us != before.email_at_us || r->picture_at_us != before.picture_at_us ||
		r->address_book_at_us != before.address_book_at_us)
		contact_touch(w, c);
	return changed;
}

/* Another partition may have changed the contact since this batch read it: starts from the row in the database, and applies the batch's
 * changes again. */
static void contact_rebase(struct work *w, struct contact *c, const struct contact_row *now)
{
	struct contact_row changed = c->row, base = c->read;

	cache_put_contact(w->cache, now, w->now_mono_ms);
	(void)contact_apply_name(w, c, &changed);
	if (!str_eq(changed.match_key, base.match_key)) {
		c->row.phone = changed.phone;
		c->row.match_key = changed.match_key;
	}
	(void)contact_apply_details(w, c, &changed);
}

void contact_loaded(void *ctx, const struct contact_row *row)
{
	struct work *w = ctx;
	struct contact *c = cache_contact(w->cache, row->workspace_id, row->id);

	if (c && c->dirty)
		contact_rebase(w, c, row);
	else
		cache_put_contact(w->cache, row, w->now_mono_ms);
}

static int id_cmp(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int contacts_lock(struct work *w, struct err *err)
{
	int64_t *ids = ARENA_ARRAY(w->arena, int64_t, w->contacts.n);
	size_t done = 0;

	while (done < w->contacts.n) { /* a workspace at a time */
		int64_t workspace = w->contacts.at[done]->row.workspace_id;
		size_t n = 0;

		for (size_t i = done; i < w->contacts.n; i++) {
			struct contact *c = w->contacts.at[i];

			if (c->row.workspace_id != workspace)
				continue;
			w->contacts.at[i] = w->contacts.at[done];
			w->contacts.at[done++] = c;
			ids[n++] = c->row.id;
		}
		qsort(ids, n, sizeof(*ids), id_cmp);
		if (store_contacts_lock(w->pg, workspace, ids, n, w->arena, contact_loaded, w, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < w->contacts.n; i++)
		if (w->contacts.at[i]->row.erased)
			return err_set(err, ERR_RETRY, "contact_race", "a contact was erased meanwhile");
	return 0;
}

struct contact *contact_final(struct work *w, struct contact *c)
{
	while (c && c->row.merged_into) {
		struct contact *next = cache_contact(w->cache, c->row.workspace_id, c->row.merged_into);

		if (!next)
			break;
		c = next;
	}
	return c;
}

void contact_set_phone(struct work *w, struct contact *c, struct str phone, struct str key, const char *region)
{
	struct phone p;

	if (phone_normalise(phone, region, true, &p))
		c->row.phone = arena_str(w->cache->arena, str_of(p.e164));
	c->row.match_key = arena_str(w->cache->arena, key);
}

bool contact_rename(struct work *w, struct contact *c, const struct contact_row *got, const struct op *op)
{
	bool renamed = !str_eq(c->row.full_name, got->full_name);

	if (!contact_apply_name(w, c, got))
		return false;
	if (renamed)
		contact_change(w, c, op, CONTACT_NAME);
	else
		contact_touch(w, c);
	return renamed;
}

/* The push name of a live message or chat state competes by its time; any other name only fills a gap. */
static struct contact_row name_of(const struct person *p)
{
	struct str name = str_trim(p->party->name); /* as the database keeps it */

	return (struct contact_row){ .first_name = name,
		.full_name = name,
		.name_rank = 1,
		.name_at_us = p->timed_name ? p->op->time_us : PG_NO_TIME };
}

struct contact_row contact_named_by(const struct person *p, const struct contact_row *before)
{
	struct contact_row row = *before, got = name_of(p);

	if (p->create && name_wins(before, &got)) {
		row.first_name = got.first_name;
		row.last_name = got.last_name;
		row.full_name = got.full_name;
		row.name_rank = got.name_rank;
		row.name_at_us = got.name_at_us;
	}
	return row;
}

void person_apply_name(struct work *w, struct person *p)
{
	struct contact_row got = name_of(p);
	struct contact *c = p->contact;

	if (!c || !p->create)
		return;
	/* Every message has the name: only one that changes it moves its time, which saves a write per message. */
	if (p->op->kind == IN_MESSAGE && c->row.name_at_us != PG_NO_TIME && str_eq(c->row.full_name, got.full_name))
		return;
	if (c->created)
		(void)contact_apply_name(w, c, &got);
	else
		(void)contact_rename(w, c, &got, p->op);
}
