/* See holder.h. */
#include "chat-sync/identity/holder.h"
#include "chat-sync/identity/contact.h"

struct previous_holder {
	struct person *person;
	struct contact *contact;
	int64_t until_us;
};

struct holder_search {
	struct previous_holder *found;
	size_t n;
	struct message_key *keys;
	size_t n_keys;
	struct previous_holder **of_key;
};

static void message_found(void *ctx, size_t key, const struct message_row *row)
{
	struct holder_search *s = ctx;
	struct previous_holder *f = s->of_key[key];

	if (row->sent_us == f->person->op->time_us && row->direction == f->person->op->message->direction)
		f->person->previous_holder = f->contact;
}

static int holders_find(struct work *w, struct holder_search *s, struct err *err)
{
	struct alias_row *aliases = ARENA_ARRAY(w->arena, struct alias_row, w->people.n);
	int64_t *until = ARENA_ARRAY(w->arena, int64_t, w->people.n);
	struct person **people = ARENA_ARRAY(w->arena, struct person *, w->people.n);
	size_t n = 0;

	for (size_t i = 0; i < w->people.n; i++) {
		struct person *p = w->people.at[i];

		for (size_t k = 0; k < p->n_aliases; k++) {
			const struct contact *now = cache_alias(w->cache, &p->aliases[k], w->now_mono_ms);

			if (now && !now->has_reassigned_alias)
				continue;
			aliases[n] = p->aliases[k];
			people[n++] = p;
			break; /* aliases are in order of trust: the first decides */
		}
	}
	if (n == 0)
		return 0;
	if (store_aliases_find_former(w->pg, aliases, until, n, w->arena, contact_loaded, w, err) < 0)
		return -1;
	s->found = ARENA_ARRAY(w->arena, struct previous_holder, n);
	for (size_t i = 0; i < n; i++) {
		struct contact *c = cache_contact(w->cache, aliases[i].workspace_id, aliases[i].contact_id);

		if (aliases[i].contact_id && c)
			s->found[s->n++] = (struct previous_holder){ people[i], c, until[i] };
	}
	return 0;
}

int previous_holders_read(struct work *w, struct err *err)
{
	struct holder_search s = { .n = 0 };

	for (size_t i = 0; i < w->people.n; i++) {
		w->people.at[i]->previous_holder = NULL;
		w->people.at[i]->stored_holder = NULL;
		w->people.at[i]->alias_reassigned = false;
	}
	if (holders_find(w, &s, err) < 0)
		return -1;
	s.keys = ARENA_ARRAY(w->arena, struct message_key, s.n);
	s.of_key = ARENA_ARRAY(w->arena, struct previous_holder *, s.n);
	for (size_t i = 0; i < s.n; i++) {
		const struct op *op = s.found[i].person->op;

		s.found[i].person->alias_reassigned = true;
		if (op->timed && op->time_us <= s.found[i].until_us) {
			s.found[i].person->previous_holder = s.found[i].contact;
		} else if (op->kind == IN_MESSAGE && op->message) {
			s.keys[s.n_keys] = (struct message_key){ op->account->row.workspace_id, op->account->row.id,
				op->message->key, 0, false };
			s.of_key[s.n_keys++] = &s.found[i];
		} else {
			s.found[i].person->stored_holder = s.found[i].contact;
		}
	}
	return s.n_keys == 0 ? 0 : store_messages_find(w->pg, s.keys, s.n_keys, w->arena, message_found, &s, err);
}
