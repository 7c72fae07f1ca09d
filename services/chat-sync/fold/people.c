/* See people.h. Invariant: an alias leads to one contact; a reassigned one leads to its new holder, and events sent before the reassignment to
 * the previous one (identity/holder.c). */
#include "chat-sync/fold/people.h"
#include "chat-sync/effect.h"
#include "chat-sync/identity/contact.h"
#include "chat-sync/identity/merge.h"
#include "chat-sync/identity/sender_rename.h"
#include "chat-sync/resolve/follow.h"

static struct effect *effect_add_contact(struct work *w, struct op *op, struct contact *c, enum chat_event_kind kind,
	const char *what)
{
	struct effect *e = effect_new(w, op, op->conversation, kind, &c->row.uuid);

	e->contact = c;
	if (what)
		changed_add(w, &e->event.u.contact_changed.changed, &e->event.u.contact_changed.n_changed, what);
	return e;
}

static void effect_add_contact_parts(struct work *w, struct op *op, struct contact *c, unsigned parts)
{
	static const struct {
		enum contact_part part;
		const char *word;
	} words[] = {
		{ CONTACT_NAME, "name" },
		{ CONTACT_EMAIL, "email" },
		{ CONTACT_PICTURE, "profile_picture" },
		{ CONTACT_ADDRESS_BOOK, "address_book" },
		{ CONTACT_PHONE, "phone" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (parts & words[i].part)
			(void)effect_add_contact(w, op, c, CE_CONTACT_UPDATED, words[i].word);
}

void effect_add_people(struct work *w, struct op *op)
{
	struct person *people[] = { op->peer, op->author };

	for (size_t i = 0; i < 2; i++) {
		struct contact *c = people[i] ? people[i]->contact : NULL;

		if (!c || c->has_event || (!c->created && c->changed_by != op))
			continue;
		c->has_event = true;
		if (c->created)
			(void)effect_add_contact(w, op, c, CE_CONTACT_CREATED, NULL);
		else
			effect_add_contact_parts(w, op, c, c->changed);
	}
}

/* How far a name is trusted: push name, address book, by hand. */
static int16_t name_rank(const struct in_contact *in)
{
	return in->by_hand ? 3 : in->from_address_book ? 2 : 1;
}

static bool contact_apply_names(struct work *w, struct op *op, struct contact *c, const struct in_contact *in)
{
	struct str first = str_trim(in->first_name), last = str_trim(in->last_name);
	struct str full = str_trim(in->full_name.n > 0 ? in->full_name : in->party.name);
	struct contact_row got = { .name_rank = name_rank(in), .name_at_us = op->time_us };

	if (first.n == 0 && last.n == 0)
		first = full;
	else
		full = arena_printf(w->arena, "%.*s%s%.*s", STR_ARG(first), first.n > 0 && last.n > 0 ? " " : "",
			STR_ARG(last));
	got.first_name = first.n > 0 ? first : STR_NONE;
	got.last_name = last.n > 0 ? last : STR_NONE;
	got.full_name = full;
	return contact_rename(w, c, &got, op);
}

void fold_contact(struct work *w, struct op *op)
{
	const struct in_contact *in = &op->event->u.contact;
	struct contact *c = op->peer ? op->peer->contact : NULL;
	bool removed = in->action == CONTACT_REMOVE;
	unsigned changed = 0;
	struct contact_row got = { .email = in->email,
		.email_at_us = op->time_us,
		.profile_picture = in->profile_picture,
		.picture_at_us = op->time_us,
		.in_address_book = in->from_address_book && !removed,
		.address_book_at_us = in->from_address_book || removed ? op->time_us : PG_NO_TIME };

	if (!c)
		return;
	if (!removed && contact_apply_names(w, op, c, in))
		changed |= CONTACT_NAME;
	changed |= contact_apply_details(w, c, &got);
	if (!changed)
		return;
	if (!c->has_event || !c->created)
		effect_add_contact_parts(w, op, c, changed);
	c->has_event = true;
}

void fold_opt_out(struct work *w, struct op *op)
{
	const struct in_opt_out *o = &op->event->u.opt_out;
	struct contact *c = op->peer ? op->peer->contact : NULL;

	if (!c)
		return;
	for (size_t i = 0; i < w->opt_outs.n; i++) {
		struct opt_out_row *have = &w->opt_outs.at[i];

		if (have->contact_id != c->row.id || have->account_id != op->account->row.id ||
			!str_eq(have->category, o->category))
			continue;
		if (op->time_us >= have->since_us) {
			have->stopped = o->stop;
			have->since_us = op->time_us;
			w->opt_out_ops.at[i] = op;
		}
		return;
	}
	*LIST_ADD(w, &w->opt_outs) = (struct opt_out_row){ .workspace_id = c->row.workspace_id,
		.contact_id = c->row.id,
		.account_id = op->account->row.id,
		.category = o->category,
		.stopped = o->stop,
		.since_us = op->time_us };
	*LIST_ADD(w, &w->opt_out_ops) = op;
	*LIST_ADD(w, &w->opt_out_contacts) = &c->row;
}

void effect_add_opt_out(struct work *w, struct op *op)
{
	const struct in_opt_out *o = &op->event->u.opt_out;
	struct effect *e = effect_add_contact(w, op, op->peer->contact, CE_CONTACT_UPDATED, "opt_out");

	e->event.u.contact_changed.opt_out_category = o->category;
	e->event.u.contact_changed.opted_out = o->stop;
}

/* The party's alias of this kind; NULL when it has none. */
static const struct alias_row *alias_of(const struct person *p, enum alias_kind kind)
{
	for (size_t i = 0; p && i < p->n_aliases; i++)
		if (p->aliases[i].kind == kind)
			return &p->aliases[i];
	return NULL;
}

static int alias_assign(struct work *w, const struct person *p, const struct alias_row *alias, struct contact *c,
	struct err *err)
{
	struct alias_row row = *alias;
	const struct contact_row *holder = &c->row;
	bool inserted;

	row.contact_id = c->row.id;
	if (store_aliases_insert(w->pg, &row, 1, &inserted, err) < 0 || store_contacts_hold(w->pg, &holder, 1, err) < 0)
		return -1;
	if (!inserted)
		return err_set(err, ERR_RETRY, "contact_race", "another partition inserted the alias first");
	cache_put_alias(w->cache, &row, c);
	return alias_rename_senders(w, p, &row, c, err);
}

static int identifier_change_apply(struct work *w, struct op *op, enum alias_kind kind, struct err *err)
{
	const struct alias_row *old = alias_of(op->peer, kind), *new = alias_of(op->author, kind);
	struct contact *c = contact_final(w, op->peer->contact), *there;
	struct alias_row old_alias;
	bool retired;

	if (!old || !new || str_eq(old->value, new->value))
		return 0;
	there = contact_final(w, cache_alias(w->cache, new, w->now_mono_ms));
	/* The old number or user id no longer leads to this contact: it may be reassigned. */
	old_alias = *old;
	old_alias.contact_id = c->row.id;
	if (!cache_alias(w->cache, old, w->now_mono_ms))
		return 0; /* a repeat */
	if (store_alias_retire(w->pg, &old_alias, op->time_us, &retired, err) < 0)
		return -1;
	if (!retired)
		return 0;
	cache_remove_alias(w->cache, old);
	if (!there && alias_assign(w, op->author, new, c, err) < 0)
		return -1;
	if (kind == ALIAS_PHONE) {
		contact_set_phone(w, c, op->author->party->phone, new->value, op->account->row.region);
		contact_touch(w, c);
	}
	if (there && there != c && contact_merge(w, op, there, c, true, err) < 0)
		return -1;
	c = contact_final(w, c);
	contact_touch(w, c);
	effect_add_contact(w, op, c, CE_CONTACT_UPDATED, kind == ALIAS_PHONE ? "phone" : "alias");
	c->has_event = true;
	return 0;
}

/* The event says that both parties are one person: the aliases of both lead to one contact. */
static int alias_report_apply(struct work *w, struct op *op, struct err *err)
{
	struct contact *a = op->peer ? contact_final(w, op->peer->contact) : NULL;
	struct contact *b = op->author ? contact_final(w, op->author->contact) : NULL;
	const struct person *other = a ? op->author : op->peer;
	struct contact *c = a ? a : b;
	bool changed = false;

	if (a && b)
		return a == b ? 0 : contact_merge(w, op, a, b, false, err);
	if (!c)
		return 0;
	for (size_t i = 0; other && i < other->n_aliases; i++) {
		if (other->aliases[i].kind == ALIAS_PHONE) {
			if (c->row.match_key.n > 0)
				continue;
			contact_set_phone(w, c, other->party->phone, other->aliases[i].value, op->account->row.region);
			contact_touch(w, c);
		}
		if (alias_assign(w, other, &other->aliases[i], c, err) < 0)
			return -1;
		changed = true;
	}
	if (!changed)
		return 0;
	contact_touch(w, c);
	effect_add_contact(w, op, c, CE_CONTACT_UPDATED, "alias");
	c->has_event = true;
	return 0;
}

int fold_identity_change(struct work *w, struct op *op, struct err *err)
{
	switch (op->event->u.identity_change.kind) {
	case IDENTITY_MERGED:
		return conversations_follow(w, op, err);
	case IDENTITY_NUMBER_CHANGED:
		if (!op->peer || !op->peer->contact || !op->author)
			return 0;
		if (identifier_change_apply(w, op, ALIAS_PHONE, err) < 0)
			return -1;
		return identifier_change_apply(w, op, ALIAS_BSUID, err);
	case IDENTITY_ALIAS:
		return alias_report_apply(w, op, err);
	case IDENTITY_NONE: /* inbound_decode() rejects it */
		break;
	}
	return 0;
}
