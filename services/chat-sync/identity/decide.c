/* See decide.h. */
#include "chat-sync/identity/decide.h"
#include "chat-sync/identity/contact.h"
#include "chat-sync/notice.h"

#include "crypto/ids.h"

#define US_PER_DAY 86400000000LL

bool contacts_differ_in_phone(const struct contact *a, const struct contact *b)
{
	return a->row.match_key.n > 0 && b->row.match_key.n > 0 && !str_eq(a->row.match_key, b->row.match_key);
}

void identity_conflict(struct work *w, struct op *op)
{
	notice_add(w, op,
		(struct in_account_notice){ .kind = STR("identity_conflict"),
			.severity = SEVERITY_WARNING,
			.text = STR("one identifier, two phone numbers: kept apart") },
		op->time_us - op->time_us % US_PER_DAY); /* published once a day, not with every message */
}

static bool is_by_hand(const struct person *p)
{
	return p->op->event->kind == IN_CONTACT && p->op->event->u.contact.by_hand;
}

/* Derived from the event and the person's first alias: when the event is read again after the database was restored, the contact gets the
 * same public id. */
static void contact_uuid(const struct person *p, struct uuid *out)
{
	const struct alias_row *alias = &p->aliases[0];
	const struct str parts[] = { uuid_bytes(&p->op->event->id), str_of(store_alias_kind_word(alias->kind)),
		alias->scope, alias->value };

	uuid_v8(out, parts, sizeof(parts) / sizeof(parts[0]));
}

static struct contact *contact_new(struct work *w, struct plan *plan, const struct person *p)
{
	struct contact_row row = {
		.workspace_id = p->account->row.workspace_id,
		.id = plan->ids[plan->next_id++],
		.source = is_by_hand(p) ? PROVIDER_NONE : p->account->row.provider, /* manual */
		.source_account_id = p->account->row.id,
		.name_at_us = PG_NO_TIME,
		.email_at_us = PG_NO_TIME,
		.picture_at_us = PG_NO_TIME,
		.address_book_at_us = PG_NO_TIME,
	};
	struct contact *c;

	contact_uuid(p, &row.uuid);
	c = cache_put_contact(w->cache, &row, w->now_mono_ms);
	c->created = true;
	*LIST_ADD(w, &w->created) = c;
	*LIST_ADD(w, &plan->contacts) = c;
	return c;
}

/* Adds an alias to the contact. False for a second phone: two different phones never merge. */
static bool alias_attach(struct work *w, struct plan *plan, struct person *p, const struct alias_row *alias,
	struct contact *c)
{
	if (alias->kind == ALIAS_PHONE) {
		if (c->row.match_key.n > 0 && !str_eq(c->row.match_key, alias->value))
			return false;
		contact_set_phone(w, c, p->party->phone, alias->value, p->account->row.region);
		if (!c->created)
			contact_change(w, c, p->op, CONTACT_PHONE);
	}
	c->has_reassigned_alias = c->has_reassigned_alias || p->alias_reassigned;
	*LIST_ADD(w, &plan->aliases) = (struct new_alias){ *alias, c, p };
	cache_put_alias(w->cache, alias, c);
	return true;
}

/* A number change whose old alias was reassigned before is a repeat, as another account reports it: it creates no contact. */
static bool person_is_created(const struct person *p)
{
	return p->create && p->n_aliases > 0 && !(p->op->kind == IN_IDENTITY_CHANGE && p->alias_reassigned);
}

/* Goes through the aliases in order of trust, phone first: the first known one decides the contact; the others are added to it, or show that
 * two contacts are one person. */
void person_decide(struct work *w, struct plan *plan, struct person *p)
{
	p->contact = p->previous_holder;
	if (p->previous_holder)
		return;
	for (size_t i = 0; i < p->n_aliases; i++) {
		struct contact *c = cache_alias(w->cache, &p->aliases[i], w->now_mono_ms);

		if (!c)
			continue;
		if (!p->contact)
			p->contact = c;
		else if (c == p->contact || !p->create)
			continue;
		else if (contacts_differ_in_phone(c, p->contact))
			identity_conflict(w, p->op);
		else
			*LIST_ADD(w, &plan->merges) = (struct merge_pair){ p->contact, c, p->op };
	}
	if (!person_is_created(p))
		return;
	if (!p->contact)
		p->contact = contact_new(w, plan, p);
	for (size_t i = 0; i < p->n_aliases; i++) {
		if (cache_alias(w->cache, &p->aliases[i], w->now_mono_ms) ||
			alias_attach(w, plan, p, &p->aliases[i], p->contact))
			continue;
		/* The phone differs from that of the contact that the other aliases lead to: the party is another person, with a new contact. */
		identity_conflict(w, p->op);
		p->contact = contact_new(w, plan, p);
		(void)alias_attach(w, plan, p, &p->aliases[i], p->contact);
	}
}

static bool has_unknown_alias(const struct work *w, const struct person *p)
{
	for (size_t k = 0; k < p->n_aliases; k++)
		if (!cache_alias(w->cache, &p->aliases[k], w->now_mono_ms))
			return true;
	return false;
}

int contact_ids_draw(struct work *w, struct plan *plan, struct err *err)
{
	size_t most = 0;

	for (size_t i = 0; i < w->people.n; i++)
		if (w->people.at[i]->create && !w->people.at[i]->previous_holder &&
			has_unknown_alias(w, w->people.at[i]))
			most += w->people.at[i]->n_aliases;
	plan->next_id = 0;
	plan->ids = ARENA_ARRAY(w->arena, int64_t, most);
	return most == 0 ? 0 : store_contact_ids_draw(w->pg, most, plan->ids, err);
}
