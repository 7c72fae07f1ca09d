/* See merge.h. */
#include "chat-sync/identity/merge.h"
#include "chat-sync/identity/alias.h"
#include "chat-sync/identity/contact.h"
#include "chat-sync/identity/decide.h"
#include "chat-sync/identity/sender_rename.h"
#include "chat-sync/identity/senders.h"

#include "base/log.h"
#include "wire/cloudevents.h"

static int identity_change_emit(struct work *w, const struct op *op, const struct uuid *account, int64_t surviving,
	int64_t merged, struct err *err)
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
	e->u.identity_change.old_contact = merged;
	e->u.identity_change.new_contact = surviving;
	inbound_derive_id(e, arena_printf(w->arena, "%lld", (long long)merged),
		arena_printf(w->arena, "%lld", (long long)surviving));
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
	bool gone; /* one of them was merged or erased by another transaction */
};

static void locked_contact_read(void *ctx, const struct contact_row *row)
{
	struct locked *l = ctx;

	contact_loaded(l->w, row);
	l->gone = l->gone || row->merged_into || row->erased;
	l->n++;
}

int contact_merge(struct work *w, struct op *op, struct contact *a, struct contact *b, bool phones_may_differ,
	struct err *err)
{
	struct contact *surviving = a->row.id < b->row.id ? a : b, *merged = surviving == a ? b : a;
	int64_t ids[] = { surviving->row.id, merged->row.id };
	const struct sender_rename sent = sender_rename_of(w, op, uuid_str(w, &merged->row.uuid), surviving);
	struct locked locked = { .w = w };
	struct uuid *accounts;
	unsigned parts;
	size_t n;

	if (store_contacts_lock(w->pg, surviving->row.workspace_id, ids, 2, w->arena, locked_contact_read, &locked,
		    err) < 0)
		return -1;
	if (locked.n != 2 || locked.gone)
		return err_set(err, ERR_RETRY, "contact_race", "a contact was merged or erased meanwhile");
	if (!phones_may_differ && contacts_differ_in_phone(surviving, merged)) {
		identity_conflict(w, op);
		return 0;
	}
	if (store_contacts_merge(w->pg, surviving->row.workspace_id, surviving->row.id, merged->row.id, w->arena,
		    &accounts, &n, err) < 0 ||
		store_sender_renames_redirect(w->pg, surviving->row.workspace_id, merged->row.id, surviving->row.id,
			err) < 0 ||
		senders_rename(w, &sent, 1, err) < 0)
		return -1;
	surviving->row.merges += merged->row.merges + 1;
	if (surviving->row.match_key.n == 0 && merged->row.match_key.n > 0) {
		surviving->row.phone = merged->row.phone;
		surviving->row.match_key = merged->row.match_key;
		contact_change(w, surviving, op, CONTACT_PHONE);
	}
	(void)contact_rename(w, surviving, &merged->row, op);
	parts = contact_apply_details(w, surviving, &merged->row);
	if (parts)
		contact_change(w, surviving, op, parts);
	log_info("contacts merged", LOG_I("workspace", surviving->row.workspace_id),
		LOG_I("surviving", surviving->row.id), LOG_I("merged", merged->row.id), LOG_I("accounts", n));
	merged->row.merged_into = surviving->row.id;
	w->cache_stale = true;
	for (size_t i = 0; i < n; i++)
		if (identity_change_emit(w, op, &accounts[i], surviving->row.id, merged->row.id, err) < 0)
			return -1;
	return 0;
}

int contacts_merge(struct work *w, struct plan *plan, struct err *err)
{
	for (size_t i = 0; i < plan->merges.n; i++) {
		struct contact *a = contact_final(w, plan->merges.at[i].a), *b = contact_final(w, plan->merges.at[i].b);

		if (a != b && contact_merge(w, plan->merges.at[i].op, a, b, false, err) < 0)
			return -1;
	}
	return 0;
}
