/* Merges an account's conversations after their contacts have merged. Invariant: only the owner of the account's partition merges them.
 *
 * Contacts merge in the partition that finds that they are one person; it sends an identity_change to each other account. An event that names
 * the surviving contact may arrive before that: it must find the messages that are stored already, so it merges the account's conversations at
 * once, and the identity_change then has no effect.
 */
#include "chat-sync/resolve/follow.h"
#include "chat-sync/effect.h"
#include "chat-sync/resolve/merging.h"

#include <assert.h>
#include <stdlib.h>

static void keep_latest(int64_t *have_us, int64_t got_us)
{
	if (got_us != PG_NO_TIME && (*have_us == PG_NO_TIME || got_us > *have_us))
		*have_us = got_us;
}

/* Merges the columns of `from` that lists of conversations show. The later read marker of the two wins, as if both had been one conversation
 * from the start; if it is that of `from`, the unread messages are recounted. */
static void conversation_merge_row(struct work *w, struct conversation *v, const struct conversation *from)
{
	int64_t read_us = v->row.last_read_us;

	if (from->row.last_message_us != PG_NO_TIME &&
		(v->row.last_message_us == PG_NO_TIME || from->row.last_message_us > v->row.last_message_us)) {
		v->row.last_message_us = from->row.last_message_us;
		v->row.last_message_id = from->row.last_message_id;
		v->row.last_sender = from->row.last_sender;
	}
	keep_latest(&v->row.last_inbound_us, from->row.last_inbound_us);
	keep_latest(&v->row.last_read_us, from->row.last_read_us);
	v->recount = v->recount || v->row.last_read_us != read_us;
	conversation_touch(w, v);
}

static void merged_into_read(void *ctx, const struct contact_row *row)
{
	*(int64_t *)ctx = row->merged_into;
}

/* Replaces *id by the contact that it was merged into in the end, since identity changes arrive in any order. Locks that contact, so that no
 * other transaction merges it while it gets a conversation. *leads: whether `via` is one of the contacts that it was merged into. */
static int surviving_contact_lock(struct work *w, int64_t workspace_id, int64_t *id, int64_t via, bool *leads,
	struct err *err)
{
	*leads = false;
	for (int64_t next = *id; next;) {
		*id = next;
		next = 0;
		if (store_contacts_lock(w->pg, workspace_id, id, 1, w->arena, merged_into_read, &next, err) < 0)
			return -1;
		*leads = *leads || (next && next == via);
	}
	return 0;
}

/* Merges the conversation `from` into *into, or assigns it to into_contact if *into is NULL. *into is the surviving one. */
static int conversation_merge(struct work *w, struct op *op, const struct conversation_row *from, int64_t into_contact,
	struct conversation **into, struct err *err)
{
	struct conversation *v = cache_put_conversation(w->cache, from, op->account, NULL, NULL);
	struct contact_row old = { 0 }, new = { 0 };
	struct effect *e;

	if (store_contacts_uuids(w->pg, from->workspace_id, from->contact_id, into_contact, &old.uuid, &new.uuid, err) <
		0)
		return -1;
	e = effect_new(w, op, v, CE_CONTACT_MERGED, &old.uuid);
	e->event.u.contact_merged.from_contact = old.uuid;
	e->event.u.contact_merged.into_contact = new.uuid;
	w->cache_stale = true;
	if (!*into) {
		*into = v;
		return store_conversations_give(w->pg, &v->row, into_contact, err);
	}
	e->event.u.contact_merged.into_conversation = (*into)->row.uuid;
	conversation_merge_row(w, *into, v);
	v->row.unread = 0; /* its messages move */
	return merging_begin(w, op, &v->row, &(*into)->row, err);
}

/* The event has internal ids: after a restore of the database they may be those of other people. It therefore applies only if the database, too,
 * says that old_contact was merged into new_contact. */
int conversations_follow(struct work *w, struct op *op, struct err *err)
{
	const struct in_identity_change *in = &op->event->u.identity_change;
	struct conversation_row merged = { .workspace_id = op->account->row.workspace_id,
		.account_id = op->account->row.id,
		.contact_id = in->old_contact };
	struct conversation_row surviving = {
		.workspace_id = merged.workspace_id, .account_id = merged.account_id, .contact_id = in->old_contact
	};
	struct conversation_row *rows[] = { &merged, &surviving };
	struct conversation *into = NULL;
	int64_t into_contact;
	bool leads;

	if (surviving_contact_lock(w, surviving.workspace_id, &surviving.contact_id, in->new_contact, &leads, err) < 0)
		return -1;
	if (!leads)
		return 0;
	into_contact = surviving.contact_id;
	if (store_conversations_find(w->pg, rows, 2, w->arena, err) < 0)
		return -1;
	if (merged.id == 0 || merged.merged_into != 0)
		return 0;
	if (surviving.id != 0)
		into = cache_put_conversation(w->cache, &surviving, op->account, NULL, NULL);
	op->conversation = cache_put_conversation(w->cache, &merged, op->account, NULL, NULL);
	return conversation_merge(w, op, &merged, into_contact, &into, err);
}

/* A contact into which others were merged, and an account that may still have conversations with the others. */
struct unmerged {
	struct op *op;
	struct contact *contact;
	LIST(struct conversation_row) open; /* conversations with the contact or one merged into it, the oldest first */
};

struct search {
	struct work *w;
	struct unmerged *at;
};

static void open_found(void *ctx, size_t place, const struct conversation_row *row)
{
	struct search *s = ctx;

	*LIST_ADD(s->w, &s->at[place].open) = *row;
}

static struct contact *op_contact(const struct op *op)
{
	return op->peer && op->kind != IN_IDENTITY_CHANGE ? op->peer->contact : NULL;
}

static bool op_has_unmerged(const struct work *w, const struct op *op)
{
	const struct contact *c = op_contact(op);
	const struct conversation *v;

	if (!c || c->row.merges == 0)
		return false;
	v = cache_conversation(w->cache, op->account, c, NULL);
	return !v || v->merges != c->row.merges;
}

static int unmerged_cmp(const void *a, const void *b)
{
	const struct contact_row *x = &((const struct unmerged *)a)->contact->row;
	const struct contact_row *y = &((const struct unmerged *)b)->contact->row;

	return (x->id > y->id) - (x->id < y->id);
}

/* Each account and contact once, in the order in which contacts are locked. */
static struct unmerged *unmerged_list(struct work *w, size_t n_ops, size_t *n)
{
	struct unmerged *at = ARENA_ARRAY(w->arena, struct unmerged, n_ops);

	*n = 0;
	map_clear(w->index);
	for (size_t i = 0; i < w->ops.n; i++) {
		struct op *op = w->ops.at[i];
		struct contact *contact = op_contact(op);
		int64_t key[2];
		void **seen;

		if (!contact || !op_has_unmerged(w, op))
			continue;
		key[0] = op->account->row.id;
		key[1] = contact->row.id;
		seen = map_slot(w->index, (struct str){ (const char *)key, sizeof(key) });
		if (*seen)
			continue;
		*seen = w;
		at[(*n)++] = (struct unmerged){ .op = op, .contact = contact };
	}
	qsort(at, *n, sizeof(*at), unmerged_cmp);
	return at;
}

/* Ops and cache entries of the merged contact, read before the merge, lead to the surviving conversation from now on. */
static void merged_redirect(struct work *w, const struct unmerged *b, int64_t old_contact, struct conversation *into)
{
	struct conversation_row as_before = into->row;

	as_before.contact_id = old_contact;
	(void)cache_put_conversation(w->cache, &as_before, b->op->account, NULL, NULL);
	for (size_t i = 0; i < w->ops.n; i++) {
		struct op *op = w->ops.at[i];

		if (op->account == b->op->account && op_contact(op) && op->peer->contact->row.id == old_contact)
			op->peer->contact = b->contact;
	}
}

static int unmerged_merge(struct work *w, const struct unmerged *b, struct err *err)
{
	int64_t contact = b->contact->row.id;
	struct conversation *into = NULL;
	bool leads;

	for (size_t i = 0; i < b->open.n; i++)
		if (b->open.at[i].contact_id == contact)
			into = cache_put_conversation(w->cache, &b->open.at[i], b->op->account, b->contact, NULL);
	if (into)
		into->merges = b->contact->row.merges;
	if (b->open.n == (into ? 1 : 0))
		return 0;
	if (surviving_contact_lock(w, b->contact->row.workspace_id, &contact, contact, &leads, err) < 0)
		return -1;
	if (contact != b->contact->row.id)
		return err_set(err, ERR_RETRY, "contact_race", "a contact was merged meanwhile");
	for (size_t i = 0; i < b->open.n; i++) {
		const struct conversation_row *from = &b->open.at[i];

		if (from->contact_id == contact)
			continue;
		if (conversation_merge(w, b->op, from, contact, &into, err) < 0)
			return -1;
		merged_redirect(w, b, from->contact_id, into);
	}
	assert(into); /* b->open has at least one */
	into->row.contact_id = contact;
	into->contact = b->contact;
	into->merges = b->contact->row.merges;
	(void)cache_put_conversation(w->cache, &into->row, b->op->account, b->contact, NULL);
	return 0;
}

int merges_follow(struct work *w, struct err *err)
{
	struct conversation_row *peers;
	struct unmerged *at;
	size_t n = 0;

	for (size_t i = 0; i < w->ops.n; i++)
		n += op_has_unmerged(w, w->ops.at[i]);
	if (n == 0)
		return 0;
	at = unmerged_list(w, n, &n);
	peers = ARENA_ARRAY(w->arena, struct conversation_row, n);
	for (size_t i = 0; i < n; i++)
		peers[i] = (struct conversation_row){ .workspace_id = at[i].contact->row.workspace_id,
			.account_id = at[i].op->account->row.id,
			.contact_id = at[i].contact->row.id };
	if (store_conversations_of_person(w->pg, peers, n, w->arena, open_found, &(struct search){ w, at }, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (unmerged_merge(w, &at[i], err) < 0)
			return -1;
	return 0;
}
