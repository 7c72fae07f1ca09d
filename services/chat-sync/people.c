/* Who is who: aliases to contacts, found, created on first sight, or found to be one person.
 *
 * Another partition of the workspace may meet the same person at the same moment. Ids are drawn first and aliases inserted in sorted
 * order; whoever's insert waits and loses gives back what it won of that contact and reads again (README.md, Contacts).
 */
#include "chat-sync/report.h"
#include "chat-sync/settings.h"
#include "chat-sync/work.h"

#include "base/clock.h"
#include "base/log.h"
#include "crypto/ids.h"
#include "phone/phone.h"
#include "wire/cloudevents.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ROUNDS 4
#define US_PER_DAY 86400000000LL

/* aliases of a party */

static void alias_add(struct person *p, enum alias_kind kind, struct str scope, struct str value)
{
	if (value.n > 0)
		p->aliases[p->n_aliases++] =
			(struct alias_row){ p->account->row.workspace_id, 0, kind, scope.p ? scope : STR(""), value };
}

static struct str phone_digits(struct str phone)
{
	return phone.n > 0 && phone.p[0] == '+' ? str_slice(phone, 1, phone.n) : phone;
}

struct str match_key(struct work *w, struct str phone)
{
	char key[24];

	if (phone.n == 0 || phone.n >= sizeof(key))
		return phone_digits(phone);
	phone_match_key(phone_digits(phone), key);
	return arena_str(w->arena, str_of(key));
}

/* A username is mutable: it identifies only who has no other name. */
static void person_aliases(struct work *w, struct person *p)
{
	const struct party *party = p->party;

	alias_add(p, ALIAS_PHONE, STR(""), match_key(w, party->phone));
	alias_add(p, ALIAS_LID, STR(""), party->lid);
	alias_add(p, ALIAS_BSUID, party->bsuid_scope, party->bsuid);
	alias_add(p, ALIAS_JID, STR(""), party->jid);
	if (p->n_aliases == 0)
		alias_add(p, ALIAS_USERNAME, STR(""), party->username);
}

/* What somebody who is no contact is called in rows: by an alias of this kind. */
static struct str alias_text(struct work *w, const struct party *p, enum alias_kind kind)
{
	switch (kind) {
	case ALIAS_PHONE:
		return arena_printf(w->arena, "+%.*s", STR_ARG(phone_digits(p->phone)));
	case ALIAS_LID:
		return arena_printf(w->arena, "%.*s@lid", STR_ARG(p->lid));
	case ALIAS_BSUID:
		return p->bsuid;
	case ALIAS_JID:
		return p->jid;
	case ALIAS_USERNAME:
		break;
	}
	return p->username;
}

struct str sender_text(struct work *w, const struct party *p, const struct contact *c)
{
	if (c && c->row.phone.n > 0)
		return c->row.phone;
	if (p->phone.n > 0)
		return alias_text(w, p, ALIAS_PHONE);
	if (p->lid.n > 0)
		return alias_text(w, p, ALIAS_LID);
	if (p->bsuid.n > 0)
		return p->bsuid;
	return p->jid.n > 0 ? p->jid : p->username;
}

struct str author_text(struct work *w, const struct person *p)
{
	return sender_text(w, p->party, p->former ? NULL : p->contact);
}

struct str uuid_str(struct work *w, const struct uuid *u)
{
	char text[37];

	uuid_format(u, text);
	return arena_str(w->arena, str_of(text));
}

/* reading */

static bool contact_take_name(struct work *w, struct contact *c, const struct contact_row *got)
{
	if (!name_wins(&c->row, got))
		return false;
	c->row.first_name = arena_str(w->world->arena, got->first_name);
	c->row.last_name = arena_str(w->world->arena, got->last_name);
	c->row.full_name = arena_str(w->world->arena, got->full_name);
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
		*have = arena_str(w->world->arena, got);
	return other;
}

unsigned contact_take_details(struct work *w, struct contact *c, const struct contact_row *got)
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

/* Another partition may have changed a contact since it was read, and this batch may have, too: what this batch changed stays, the
 * rest is as the database has it. */
static void contact_rebase(struct work *w, struct contact *c, const struct contact_row *now)
{
	struct contact_row ours = c->row, was = c->read;

	world_keep_contact(w->world, now, w->now_mono_ms);
	(void)contact_take_name(w, c, &ours);
	if (!str_eq(ours.match_key, was.match_key)) {
		c->row.phone = ours.phone;
		c->row.match_key = ours.match_key;
	}
	(void)contact_take_details(w, c, &ours);
}

static void keep_contact(void *ctx, const struct contact_row *row)
{
	struct work *w = ctx;
	struct contact *c = world_contact(w->world, row->workspace_id, row->id);

	if (c && c->dirty)
		contact_rebase(w, c, row);
	else
		world_keep_contact(w->world, row, w->now_mono_ms);
}

static int id_cmp(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Locks the contacts that are about to be written, and takes over what others wrote meanwhile. */
int contacts_settle(struct work *w, struct err *err)
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
		if (store_contacts_lock(w->pg, workspace, ids, n, w->arena, keep_contact, w, err) < 0)
			return -1;
	}
	return 0;
}

static struct str alias_key(struct work *w, const struct alias_row *a)
{
	return arena_printf(w->arena, "%lld:%d:%.*s:%.*s", (long long)a->workspace_id, a->kind, STR_ARG(a->scope),
		STR_ARG(a->value));
}

/* Marks who has an alias that was somebody else's before. */
static int reused_read(struct work *w, const struct alias_row *aliases, size_t n, struct err *err)
{
	struct alias_row *former = ARENA_ARRAY(w->arena, struct alias_row, n);
	int64_t *until = ARENA_ARRAY(w->arena, int64_t, n);

	for (size_t i = 0; i < n; i++) {
		former[i] = aliases[i];
		former[i].contact_id = 0;
	}
	if (store_aliases_find_former(w->pg, former, until, n, w->arena, keep_contact, w, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct contact *c = world_contact(w->world, aliases[i].workspace_id, aliases[i].contact_id);

		if (former[i].contact_id && aliases[i].contact_id && c)
			c->reused = true;
	}
	return 0;
}

/* Reads every alias that the world does not know, each once. */
static int aliases_read(struct work *w, struct err *err)
{
	struct alias_row *unknown;
	size_t n = 0, hits = 0, most = 0;

	for (size_t i = 0; i < w->people.n; i++)
		most += w->people.at[i]->n_aliases;
	unknown = ARENA_ARRAY(w->arena, struct alias_row, most);
	map_clear(w->index);
	for (size_t i = 0; i < w->people.n; i++) {
		const struct person *p = w->people.at[i];

		for (size_t k = 0; k < p->n_aliases; k++) {
			void **seen;

			if (world_alias(w->world, &p->aliases[k], w->now_mono_ms)) {
				hits++;
				continue;
			}
			seen = map_slot(w->index, alias_key(w, &p->aliases[k]));
			if (!*seen) {
				*seen = w;
				unknown[n++] = p->aliases[k];
			}
		}
	}
	report_cache(w->report, "contacts", hits, n);
	if (n == 0)
		return 0;
	if (store_aliases_find(w->pg, unknown, n, w->arena, keep_contact, w, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct contact *c = world_contact(w->world, unknown[i].workspace_id, unknown[i].contact_id);

		if (unknown[i].contact_id && c)
			world_keep_alias(w->world, &unknown[i], c);
		else
			world_drop_alias(w->world, &unknown[i]);
	}
	return reused_read(w, unknown, n, err);
}

/* aliases that changed hands */

struct former {
	struct person *person;
	struct contact *contact;
	int64_t until_us;
};

struct former_search {
	struct former *found;
	size_t n;
	struct message_key *keys;
	size_t n_keys;
	struct former **of_key;
};

static void stored_before(void *ctx, size_t key, const struct message_row *row)
{
	struct former_search *s = ctx;
	struct former *f = s->of_key[key];

	if (row->sent_us == f->person->op->time_us && row->direction == f->person->op->message->direction)
		f->person->former = f->contact;
}

static int former_find(struct work *w, struct former_search *s, struct err *err)
{
	struct alias_row *aliases = ARENA_ARRAY(w->arena, struct alias_row, w->people.n);
	int64_t *until = ARENA_ARRAY(w->arena, int64_t, w->people.n);
	struct person **people = ARENA_ARRAY(w->arena, struct person *, w->people.n);
	size_t n = 0;

	for (size_t i = 0; i < w->people.n; i++) {
		struct person *p = w->people.at[i];

		for (size_t k = 0; k < p->n_aliases; k++) {
			const struct contact *now = world_alias(w->world, &p->aliases[k], w->now_mono_ms);

			if (now && !now->reused)
				continue;
			aliases[n] = p->aliases[k];
			people[n++] = p;
			break; /* aliases come in order of trust */
		}
	}
	if (n == 0)
		return 0;
	if (store_aliases_find_former(w->pg, aliases, until, n, w->arena, keep_contact, w, err) < 0)
		return -1;
	s->found = ARENA_ARRAY(w->arena, struct former, n);
	for (size_t i = 0; i < n; i++) {
		struct contact *c = world_contact(w->world, aliases[i].workspace_id, aliases[i].contact_id);

		if (aliases[i].contact_id && c)
			s->found[s->n++] = (struct former){ people[i], c, until[i] };
	}
	return 0;
}

/* An alias may have been somebody else's before the provider said that it changed hands. What was sent until then
 * is that person's, and so is what is stored already: it is only told once more. */
static int former_read(struct work *w, struct err *err)
{
	struct former_search s = { .n = 0 };

	for (size_t i = 0; i < w->people.n; i++) {
		w->people.at[i]->former = NULL;
		w->people.at[i]->before = NULL;
		w->people.at[i]->had_former = false;
	}
	if (former_find(w, &s, err) < 0)
		return -1;
	s.keys = ARENA_ARRAY(w->arena, struct message_key, s.n);
	s.of_key = ARENA_ARRAY(w->arena, struct former *, s.n);
	for (size_t i = 0; i < s.n; i++) {
		const struct op *op = s.found[i].person->op;

		s.found[i].person->had_former = true;
		if (op->timed && op->time_us <= s.found[i].until_us) {
			s.found[i].person->former = s.found[i].contact;
		} else if (op->kind == IN_MESSAGE && op->message) {
			s.keys[s.n_keys] = (struct message_key){ op->account->row.workspace_id, op->account->row.id,
				op->message->key, 0, false };
			s.of_key[s.n_keys++] = &s.found[i];
		} else {
			s.found[i].person->before = s.found[i].contact;
		}
	}
	return s.n_keys == 0 ? 0 : store_messages_find(w->pg, s.keys, s.n_keys, w->arena, stored_before, &s, err);
}

/* deciding */

struct pair {
	struct contact *a, *b;
	struct op *op;
};

struct new_alias {
	struct alias_row row;
	struct contact *contact;
	const struct person *person;
};

/* What the people of this batch ask for, before it is written. */
struct plan {
	LIST(struct new_alias) aliases;
	LIST(struct contact *) contacts;
	LIST(struct pair) merges;
	int64_t *ids;
	size_t next_id;
};

static bool have_different_phones(const struct contact *a, const struct contact *b)
{
	return a->row.match_key.n > 0 && b->row.match_key.n > 0 && !str_eq(a->row.match_key, b->row.match_key);
}

static void conflict_notice(struct work *w, struct op *op)
{
	notice_add(w, op,
		(struct in_account_notice){ .kind = STR("identity_conflict"),
			.severity = SEVERITY_WARNING,
			.text = STR("one identifier, two phone numbers: kept apart") },
		op->time_us - op->time_us % US_PER_DAY); /* told once a day, not with every message */
}

void contact_set_phone(struct work *w, struct contact *c, struct str phone, struct str key, const char *region)
{
	struct phone p;

	if (phone_normalise(phone, region, true, &p))
		c->row.phone = arena_str(w->world->arena, str_of(p.e164));
	c->row.match_key = arena_str(w->world->arena, key);
}

static bool is_by_hand(const struct person *p)
{
	return p->op->event->kind == IN_CONTACT && p->op->event->u.contact.by_hand;
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

	uuid_v4(&row.uuid);
	c = world_keep_contact(w->world, &row, w->now_mono_ms);
	c->created = true;
	*LIST_ADD(w, &w->created) = c;
	*LIST_ADD(w, &plan->contacts) = c;
	return c;
}

/* Gives the contact an alias it does not have. A second phone is refused: two different phones never merge. */
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
	c->reused = c->reused || p->had_former;
	*LIST_ADD(w, &plan->aliases) = (struct new_alias){ *alias, c, p };
	world_keep_alias(w->world, alias, c);
	return true;
}

/* News of a number that changed hands already is of that change, told by another account, say. */
static bool person_is_created(const struct person *p)
{
	return p->create && p->n_aliases > 0 && !(p->op->kind == IN_IDENTITY_CHANGE && p->had_former);
}

/* Everything a party's aliases say, taken in order of trust (phone first): the first that is known decides who it is; the others
 * join, or reveal that two contacts are one person. */
static void person_decide(struct work *w, struct plan *plan, struct person *p)
{
	p->contact = p->former;
	if (p->former)
		return;
	for (size_t i = 0; i < p->n_aliases; i++) {
		struct contact *c = world_alias(w->world, &p->aliases[i], w->now_mono_ms);

		if (!c)
			continue;
		if (!p->contact)
			p->contact = c;
		else if (c == p->contact || !p->create)
			continue;
		else if (have_different_phones(c, p->contact))
			conflict_notice(w, p->op);
		else
			*LIST_ADD(w, &plan->merges) = (struct pair){ p->contact, c, p->op };
	}
	if (!person_is_created(p))
		return;
	if (!p->contact)
		p->contact = contact_new(w, plan, p);
	for (size_t i = 0; i < p->n_aliases; i++) {
		if (world_alias(w->world, &p->aliases[i], w->now_mono_ms) ||
			alias_attach(w, plan, p, &p->aliases[i], p->contact))
			continue;
		/* The phone is another one than the contact's: somebody else, whom the other aliases do not name. */
		conflict_notice(w, p->op);
		p->contact = contact_new(w, plan, p);
		(void)alias_attach(w, plan, p, &p->aliases[i], p->contact);
	}
}

/* writing */

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

/* Another partition was first for some: what we won of those contacts is given back, and all of it read again. */
static int give_back(struct work *w, struct plan *plan, const bool *inserted, struct err *err)
{
	struct alias_row *back = ARENA_ARRAY(w->arena, struct alias_row, plan->aliases.n);
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < plan->aliases.n; i++) {
		if (!contact_lost(plan, inserted, plan->aliases.at[i].contact))
			continue;
		world_drop_alias(w->world, &plan->aliases.at[i].row);
		if (inserted[i])
			back[n++] = plan->aliases.at[i].row;
	}
	for (size_t i = 0; i < plan->contacts.n; i++)
		if (!contact_lost(plan, inserted, plan->contacts.at[i]))
			plan->contacts.at[kept++] = plan->contacts.at[i];
	plan->contacts.n = kept;
	return n == 0 ? 0 : store_aliases_delete(w->pg, back, n, err);
}

/* What is stored under a name becomes the contact's. */
static struct sender_rename rename_to(struct work *w, const struct op *op, struct str from, const struct contact *c)
{
	return (struct sender_rename){ .workspace_id = c->row.workspace_id,
		.from = from,
		.contact_id = c->row.id,
		.to = uuid_str(w, &c->row.uuid),
		.topic = str_of(w->topics[INBOUND]),
		.partition = op_partition(w, op).number };
}

static struct sender_rename adoption(struct work *w, const struct person *p, const struct alias_row *alias,
	const struct contact *c)
{
	return rename_to(w, p->op, alias_text(w, p->party, alias->kind), c);
}

int alias_adopt(struct work *w, const struct person *p, const struct alias_row *alias, const struct contact *c,
	struct err *err)
{
	const struct sender_rename rename = adoption(w, p, alias, c);

	return senders_rename(w, &rename, 1, err);
}

static int new_aliases_adopt(struct work *w, const struct plan *plan, const bool *inserted, bool all, struct err *err)
{
	struct sender_rename *renames = ARENA_ARRAY(w->arena, struct sender_rename, plan->aliases.n);
	size_t n = 0;

	for (size_t i = 0; i < plan->aliases.n; i++) {
		const struct new_alias *a = &plan->aliases.at[i];

		if (all || !contact_lost(plan, inserted, a->contact))
			renames[n++] = adoption(w, a->person, &a->row, a->contact);
	}
	return senders_rename(w, renames, n, err);
}

/* 1: written; 0: some were lost to another partition, decide again; -1: err. */
static int aliases_write(struct work *w, struct plan *plan, struct err *err)
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
	if (new_aliases_adopt(w, plan, inserted, all, err) < 0 || (!all && give_back(w, plan, inserted, err) < 0))
		return -1;
	plan->aliases.n = 0;
	return all;
}

static int identity_merged(struct work *w, const struct op *op, const struct uuid *account, int64_t winner,
	int64_t loser, struct err *err)
{
	struct inbound_event *e = ARENA_NEW(w->arena, struct inbound_event);
	struct cloudevents_storage storage;
	struct header headers[CLOUDEVENTS_MAX];
	struct str bytes;
	char key[74];
	size_t n;

	e->workspace = op->account->row.workspace;
	e->account = *account;
	e->provider = op->account->row.provider;
	e->bridge = op->account->row.bridge;
	e->ingest_time_ms = w->now_ms;
	e->origin = ORIGIN_LIVE;
	e->kind = IN_IDENTITY_CHANGE;
	e->u.identity_change.kind = IDENTITY_MERGED;
	e->u.identity_change.old_contact = loser;
	e->u.identity_change.new_contact = winner;
	inbound_derive_id(e, arena_printf(w->arena, "%lld", (long long)loser),
		arena_printf(w->arena, "%lld", (long long)winner));
	if (inbound_encode(e, w->arena, &bytes, err) < 0)
		return -1;
	inbound_key(e, key);
	n = cloudevents_headers(headers, &storage, &e->id, "inbound", inbound_kind_word(e->kind), STR("chat-sync"),
		w->now_ms, op->item ? op->item->traceparent : STR_NONE);
	owner_tx_emit(w->tx, op_partition(w, op), str_of(w->topics[INBOUND]), str_of(key), bytes, headers, n);
	return 0;
}

struct locked {
	struct work *w;
	size_t n;
	int64_t merged_into[2];
};

static void keep_locked(void *ctx, const struct contact_row *row)
{
	struct locked *l = ctx;

	keep_contact(l->w, row);
	l->merged_into[l->n++ % 2] = row->merged_into;
}

int contacts_unite(struct work *w, struct op *op, struct contact *a, struct contact *b, bool phones_may_differ,
	struct err *err)
{
	struct contact *winner = a->row.id < b->row.id ? a : b, *loser = winner == a ? b : a;
	int64_t ids[] = { winner->row.id, loser->row.id };
	const struct sender_rename sent = rename_to(w, op, uuid_str(w, &loser->row.uuid), winner);
	struct locked locked = { .w = w };
	struct uuid *accounts;
	unsigned parts;
	size_t n;

	if (store_contacts_lock(w->pg, winner->row.workspace_id, ids, 2, w->arena, keep_locked, &locked, err) < 0)
		return -1;
	if (locked.n != 2 || locked.merged_into[0] || locked.merged_into[1]) /* somebody else was first */
		return err_set(err, ERR_RETRY, "contact_race", "a contact was merged meanwhile");
	if (!phones_may_differ && have_different_phones(winner, loser)) {
		conflict_notice(w, op);
		return 0;
	}
	if (store_contacts_merge(w->pg, winner->row.workspace_id, winner->row.id, loser->row.id, w->arena, &accounts,
		    &n, err) < 0 ||
		store_sender_renames_redirect(w->pg, winner->row.workspace_id, loser->row.id, winner->row.id, err) <
			0 ||
		senders_rename(w, &sent, 1, err) < 0)
		return -1;
	winner->row.merges += loser->row.merges + 1;
	if (winner->row.match_key.n == 0 && loser->row.match_key.n > 0) {
		winner->row.phone = loser->row.phone;
		winner->row.match_key = loser->row.match_key;
		contact_change(w, winner, op, CONTACT_PHONE);
	}
	(void)contact_rename(w, winner, &loser->row, op);
	parts = contact_take_details(w, winner, &loser->row);
	if (parts)
		contact_change(w, winner, op, parts);
	log_info("contacts merged", LOG_I("workspace", winner->row.workspace_id), LOG_I("winner", winner->row.id),
		LOG_I("loser", loser->row.id), LOG_I("accounts", n));
	loser->row.merged_into = winner->row.id;
	w->forget = true;
	for (size_t i = 0; i < n; i++)
		if (identity_merged(w, op, &accounts[i], winner->row.id, loser->row.id, err) < 0)
			return -1;
	return 0;
}

struct contact *contact_final(struct work *w, struct contact *c)
{
	while (c && c->row.merged_into) {
		struct contact *next = world_contact(w->world, c->row.workspace_id, c->row.merged_into);

		if (!next)
			break;
		c = next;
	}
	return c;
}

static int merges_do(struct work *w, struct plan *plan, struct err *err)
{
	for (size_t i = 0; i < plan->merges.n; i++) {
		struct contact *a = contact_final(w, plan->merges.at[i].a), *b = contact_final(w, plan->merges.at[i].b);

		if (a != b && contacts_unite(w, plan->merges.at[i].op, a, b, false, err) < 0)
			return -1;
	}
	return 0;
}

/* names */

bool contact_rename(struct work *w, struct contact *c, const struct contact_row *got, const struct op *op)
{
	bool renamed = !str_eq(c->row.full_name, got->full_name);

	if (!contact_take_name(w, c, got))
		return false;
	if (renamed)
		contact_change(w, c, op, CONTACT_NAME);
	else
		contact_touch(w, c);
	return renamed;
}

/* The push name of a live message or chat state is the newest by time; whatever else names a person only fills a gap. */
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

void person_take_name(struct work *w, struct person *p)
{
	struct contact_row got = name_of(p);
	struct contact *c = p->contact;

	if (!c || !p->create)
		return;
	/* Each message carries the name: its time moves with those that change it, not with every message. */
	if (p->op->kind == IN_MESSAGE && c->row.name_at_us != PG_NO_TIME && str_eq(c->row.full_name, got.full_name))
		return;
	if (c->created)
		(void)contact_take_name(w, c, &got);
	else
		(void)contact_rename(w, c, &got, p->op);
}

static int contacts_write(struct work *w, void *ctx, struct err *err)
{
	const struct plan *plan = ctx;
	const struct contact_row **rows = ARENA_ARRAY(w->arena, const struct contact_row *, plan->contacts.n);

	for (size_t i = 0; i < plan->contacts.n; i++) {
		plan->contacts.at[i]->read = plan->contacts.at[i]->row;
		rows[i] = &plan->contacts.at[i]->row;
	}
	return store_contacts_insert(w->pg, rows, plan->contacts.n, err);
}

/* As the person alone would have had it made. */
static int contact_write(struct work *w, void *ctx, size_t i, struct err *err)
{
	const struct person *p = w->people.at[i];
	struct contact_row row = p->contact->row;
	const struct contact_row *one = &row;

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

static int contacts_create(struct work *w, struct plan *plan, struct err *err)
{
	const struct rows_write write = { .rows = plan,
		.early = true,
		.all = contacts_write,
		.n = w->people.n,
		.one = contact_write,
		.item_of = creator_of };

	return plan->contacts.n == 0 ? 0 : rows_write(w, &write, err);
}

static bool all_known(struct work *w)
{
	for (size_t i = 0; i < w->people.n; i++) {
		struct person *p = w->people.at[i];

		p->contact = NULL;
		for (size_t k = 0; k < p->n_aliases; k++) {
			struct contact *c = world_alias(w->world, &p->aliases[k], w->now_mono_ms);

			if (!c || c->reused || (p->contact && p->contact != c))
				return false;
			p->contact = c;
		}
	}
	return true;
}

/* Who was only looked up may have been created by what comes later in the batch. */
static void people_finish(struct work *w)
{
	for (size_t i = 0; i < w->people.n; i++) {
		struct person *p = w->people.at[i];

		for (size_t k = 0; k < p->n_aliases && !p->contact; k++)
			p->contact = world_alias(w->world, &p->aliases[k], w->now_mono_ms);
		p->contact = contact_final(w, p->contact);
	}
}

static bool has_unknown_alias(const struct work *w, const struct person *p)
{
	for (size_t k = 0; k < p->n_aliases; k++)
		if (!world_alias(w->world, &p->aliases[k], w->now_mono_ms))
			return true;
	return false;
}

/* At most one contact per unknown alias of somebody to be created. */
static int ids_draw(struct work *w, struct plan *plan, struct err *err)
{
	size_t most = 0;

	for (size_t i = 0; i < w->people.n; i++)
		if (w->people.at[i]->create && !w->people.at[i]->former && has_unknown_alias(w, w->people.at[i]))
			most += w->people.at[i]->n_aliases;
	plan->next_id = 0;
	plan->ids = ARENA_ARRAY(w->arena, int64_t, most);
	return most == 0 ? 0 : store_contact_ids_draw(w->pg, most, plan->ids, err);
}

int people_resolve(struct work *w, struct err *err)
{
	struct plan plan = { .ids = NULL };
	size_t n_aliases = 0;
	int rc = 0;

	for (size_t i = 0; i < w->people.n; i++) {
		person_aliases(w, w->people.at[i]);
		n_aliases += w->people.at[i]->n_aliases;
	}
	if (all_known(w)) {
		report_cache(w->report, "contacts", n_aliases, 0);
		people_finish(w); /* merged earlier in this batch */
		return 0;
	}
	for (int round = 0; round < MAX_ROUNDS && rc == 0; round++) {
		if (aliases_read(w, err) < 0 || former_read(w, err) < 0)
			return -1;
		if (!all_known(w)) {
			plan.merges.n = 0;
			if (ids_draw(w, &plan, err) < 0)
				return -1;
			for (size_t i = 0; i < w->people.n; i++)
				person_decide(w, &plan, w->people.at[i]);
		}
		rc = aliases_write(w, &plan, err);
		if (rc < 0)
			return -1;
	}
	if (rc == 0)
		return err_set(err, ERR_RETRY, "contact_race", "other partitions were first %d times", MAX_ROUNDS);
	/* Whoever is seen for the first time has a name at once; others: ops_fold(). */
	for (size_t i = 0; i < w->people.n; i++)
		if (w->people.at[i]->contact && w->people.at[i]->contact->created)
			person_take_name(w, w->people.at[i]);
	if (contacts_create(w, &plan, err) < 0 || merges_do(w, &plan, err) < 0)
		return -1;
	people_finish(w);
	return 0;
}
