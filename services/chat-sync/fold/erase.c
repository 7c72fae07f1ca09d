/* See erase.h. The event is a segment of its own: its statements see all that was applied before it, and the cache is cleared after it. */
#include "chat-sync/fold/erase.h"
#include "chat-sync/effect.h"
#include "chat-sync/fold/chat.h"
#include "chat-sync/metadata/erase.h"
#include "wire/erased_names.h"

#include "base/log.h"
#include "crypto/ids.h"
#include "store/contact_erasure.h"

static const struct in_contact_erase *erase_of(const struct op *op)
{
	return &op->event->u.contact_erase;
}

static struct erased_names names_of(const struct op *op, const struct erased_person *p)
{
	return (struct erased_names){ erase_of(op)->names, erase_of(op)->n_names, p->uuids, p->n };
}

static void effect_add_erased(struct work *w, struct op *op, struct conversation *v, const struct uuid *contact)
{
	struct effect *e = effect_new(w, op, v, CE_CONTACT_ERASED, contact);

	e->event.u.contact_erased.contact = *contact;
}

/* A contact without any data that has the objections, and the alias by which the next event of the person leads to them. */
static int objections_keep(struct work *w, const struct op *op, const struct erased_person *p,
	const struct erased_identity *known, struct err *err)
{
	const struct str parts[] = { uuid_bytes(&op->event->id), uuid_bytes(&erase_of(op)->contact),
		STR("objections") };
	struct contact_row row = known->root, *one = &row;

	row.workspace_id = p->workspace_id;
	row.name_at_us = row.email_at_us = row.picture_at_us = row.address_book_at_us = PG_NO_TIME;
	uuid_v8(&row.uuid, parts, sizeof(parts) / sizeof(parts[0]));
	if (store_contact_ids_draw(w->pg, 1, &row.id, err) < 0 || store_contacts_insert(w->pg, &one, 1, err) < 0)
		return -1;
	return store_erased_objections_move(w->pg, p, row.id, err);
}

/* Also of a contact that is not there, or is erased already: after a restore another partition may be ahead or behind. */
static int names_keep(struct work *w, const struct op *op, struct err *err)
{
	const struct in_contact_erase *in = erase_of(op);

	if (in->sealed.n == 0)
		return 0;
	return store_erased_names_keep(w->pg, op->account->row.workspace_id, &in->erasure, &in->contact,
		in->forget_opt_outs, in->sealed, err);
}

/* *p is the person as it is locked. */
static int identity_erase(struct work *w, struct op *op, struct erased_person *p, struct err *err)
{
	bool first = erase_of(op)->stage == ERASE_IDENTITY;
	struct erased_identity known;

	if (store_erased_person_lock(w->pg, op->account->row.workspace_id, &erase_of(op)->contact, w->arena, p, err) <
		0)
		return -1;
	if (p->n == 0 || p->erased)
		return first ? names_keep(w, op, err) : 0;
	if (store_erased_identity(w->pg, p, &known, err) < 0)
		return -1;
	if (first && known.aliases > erase_of(op)->aliases)
		return 0;
	if (known.objects && !erase_of(op)->forget_opt_outs && objections_keep(w, op, p, &known, err) < 0)
		return -1;
	if (store_erased_identity_delete(w->pg, p, err) < 0 || (first && names_keep(w, op, err) < 0))
		return -1;
	w->cache_stale = true;
	log_info("contact erased", LOG_I("workspace", p->workspace_id), LOG_I("contact", p->root),
		LOG_I("merged", (int64_t)p->n - 1));
	for (size_t i = 0; i < p->n; i++)
		effect_add_erased(w, op, NULL, &p->uuids[i]);
	return 0;
}

static void group_erase(struct work *w, struct op *op, const struct erased_person *p)
{
	const struct erased_names names = names_of(op, p);

	if (op->group && !op->group->created && group_forget(w, op->group, &names))
		op->changed = true;
}

/* Counters and the newest message, as if the deleted messages had never been there. last_message_at stays: it never moves back. A conversation
 * with the person is deleted later, and one that was merged into another counts nothing. */
static int conversations_repair(struct work *w, struct op *op, const int64_t *ids, size_t n, struct err *err)
{
	struct conversation_row **rows = ARENA_ARRAY(w->arena, struct conversation_row *, n);
	struct newest_message *newest = ARENA_ARRAY(w->arena, struct newest_message, n);

	for (size_t i = 0; i < n; i++) {
		rows[i] = ARENA_NEW(w->arena, struct conversation_row);
		*rows[i] = (struct conversation_row){ .workspace_id = op->account->row.workspace_id, .id = ids[i] };
		newest[i].conversation_id = ids[i];
	}
	if (store_conversations_load(w->pg, rows, n, w->arena, err) < 0 ||
		store_newest_messages(w->pg, op->account->row.workspace_id, newest, n, w->arena, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct conversation *v;

		if (rows[i]->merged_into)
			continue;
		v = cache_put_conversation(w->cache, rows[i], op->account, NULL, NULL);
		v->row.last_message_id = newest[i].id;
		v->row.last_sender = arena_str(w->cache->arena,
			newest[i].id == 0                             ? STR_NONE
				: newest[i].direction == DIR_OUTBOUND ? STR("me")
								      : newest[i].sender);
		v->recount = true;
		conversation_touch(w, v);
		if (v->row.group_id)
			effect_add_unread(w, op, v);
	}
	return 0;
}

/* What a list of messages comes to. */
struct erased_messages {
	int64_t *deleted, *conversations;
	const struct erased_message **scrubbed;
	size_t n_deleted, n_conversations, n_scrubbed;
};

static void conversation_add(struct erased_messages *e, int64_t id)
{
	for (size_t i = 0; i < e->n_conversations; i++)
		if (e->conversations[i] == id)
			return;
	e->conversations[e->n_conversations++] = id;
}

static void messages_sort(struct work *w, const struct erased_names *names, struct erased_message *rows, size_t n,
	struct erased_messages *e)
{
	*e = (struct erased_messages){ .deleted = ARENA_ARRAY(w->arena, int64_t, n),
		.conversations = ARENA_ARRAY(w->arena, int64_t, n),
		.scrubbed = ARENA_ARRAY(w->arena, const struct erased_message *, n) };
	for (size_t i = 0; i < n; i++) {
		struct erased_message *m = &rows[i];

		if (m->own || (m->sender.n > 0 && erased_names_have(names, m->sender))) {
			e->deleted[e->n_deleted++] = m->id;
			conversation_add(e, m->conversation_id);
		} else if (m->metadata.p && metadata_erase(m->metadata, names, w->arena, &m->metadata)) {
			e->scrubbed[e->n_scrubbed++] = m;
		}
	}
}

/* An alias of each, as contacts have them. */
static struct alias_row *aliases_of(const struct work *w, const struct in_contact_erase *in, size_t *n)
{
	struct alias_row *out = ARENA_ARRAY(w->arena, struct alias_row, in->n_names * (ALIAS_JID + 1));

	*n = 0;
	for (size_t i = 0; i < in->n_names; i++) {
		const struct party *p = &in->names[i];
		const struct str values[] = { [ALIAS_PHONE] = p->phone,
			[ALIAS_LID] = p->lid,
			[ALIAS_BSUID] = p->bsuid,
			[ALIAS_USERNAME] = p->username,
			[ALIAS_JID] = p->jid };

		for (size_t kind = 0; kind <= ALIAS_JID; kind++)
			if (values[kind].n > 0)
				out[(*n)++] =
					(struct alias_row){ .kind = (enum alias_kind)kind, .value = values[kind] };
	}
	return out;
}

static int messages_erase(struct work *w, struct op *op, const struct erased_person *p, struct err *err)
{
	const struct in_contact_erase *in = erase_of(op);
	const struct erased_names names = names_of(op, p);
	struct erased_message *rows;
	struct erased_messages e;
	size_t n, n_aliases;
	const struct alias_row *aliases = aliases_of(w, in, &n_aliases);

	if (store_erased_messages(w->pg, p, op->account->row.id, in->keys, in->n_keys, aliases, n_aliases, w->arena,
		    &rows, &n, err) < 0)
		return -1;
	messages_sort(w, &names, rows, n, &e);
	if (e.n_deleted + e.n_scrubbed == 0)
		return 0;
	if (store_erased_messages_scrub(w->pg, p->workspace_id, e.scrubbed, e.n_scrubbed, err) < 0 ||
		store_erased_messages_delete(w->pg, p->workspace_id, e.deleted, e.n_deleted, err) < 0)
		return -1;
	op->changed = true;
	w->cache_stale = true;
	return conversations_repair(w, op, e.conversations, e.n_conversations, err);
}

static const struct uuid *contact_of(const struct erased_person *p, int64_t id)
{
	size_t i = 0;

	while (p->ids[i] != id)
		i++;
	return &p->uuids[i];
}

static int conversations_erase(struct work *w, struct op *op, const struct erased_person *p, struct err *err)
{
	struct conversation_row *rows;
	int64_t *ids;
	bool deleted;
	size_t n;

	if (store_conversations_of_contacts(w->pg, p->workspace_id, op->account->row.id, p->ids, p->n, w->arena, &rows,
		    &n, err) < 0)
		return -1;
	ids = ARENA_ARRAY(w->arena, int64_t, n);
	for (size_t i = 0; i < n; i++)
		ids[i] = rows[i].id;
	if (store_erased_conversations_delete(w->pg, p->workspace_id, op->account->row.id, ids, n, &deleted, err) < 0)
		return -1;
	if (!deleted)
		return 0;
	w->cache_stale = true;
	for (size_t i = 0; i < n; i++)
		if (!rows[i].merged_into)
			effect_add_erased(w, op, cache_put_conversation(w->cache, &rows[i], op->account, NULL, NULL),
				contact_of(p, rows[i].contact_id));
	op->changed = true;
	return 0;
}

int fold_contact_erase(struct work *w, struct op *op, struct err *err)
{
	struct erased_person p;

	if (store_erased_person(w->pg, op->account->row.workspace_id, &erase_of(op)->contact, w->arena, &p, err) < 0)
		return -1;
	if ((!p.erased || erase_of(op)->stage == ERASE_IDENTITY) && identity_erase(w, op, &p, err) < 0)
		return -1;
	switch (erase_of(op)->stage) {
	case ERASE_GROUPS:
		group_erase(w, op, &p);
		return 0;
	case ERASE_MESSAGES:
		return messages_erase(w, op, &p, err);
	case ERASE_CONVERSATIONS:
		return p.n > 0 ? conversations_erase(w, op, &p, err) : 0;
	case ERASE_NONE: /* inbound_decode() rejects it */
	case ERASE_IDENTITY:
		break;
	}
	return 0;
}
