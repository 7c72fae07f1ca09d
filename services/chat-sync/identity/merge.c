/* Two contacts become one; see merge.h. */
#include "chat-sync/identity/merge.h"
#include "chat-sync/identity/adopt.h"
#include "chat-sync/identity/alias.h"
#include "chat-sync/identity/contact.h"
#include "chat-sync/identity/decide.h"
#include "chat-sync/identity/senders.h"

#include "base/log.h"
#include "wire/cloudevents.h"

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

	contact_keep(l->w, row);
	l->merged_into[l->n++ % 2] = row->merged_into;
}

int contacts_unite(struct work *w, struct op *op, struct contact *a, struct contact *b, bool phones_may_differ,
	struct err *err)
{
	struct contact *winner = a->row.id < b->row.id ? a : b, *loser = winner == a ? b : a;
	int64_t ids[] = { winner->row.id, loser->row.id };
	const struct sender_rename sent = sender_rename_to(w, op, uuid_str(w, &loser->row.uuid), winner);
	struct locked locked = { .w = w };
	struct uuid *accounts;
	unsigned parts;
	size_t n;

	if (store_contacts_lock(w->pg, winner->row.workspace_id, ids, 2, w->arena, keep_locked, &locked, err) < 0)
		return -1;
	if (locked.n != 2 || locked.merged_into[0] || locked.merged_into[1]) /* somebody else was first */
		return err_set(err, ERR_RETRY, "contact_race", "a contact was merged meanwhile");
	if (!phones_may_differ && contacts_differ_in_phone(winner, loser)) {
		identity_conflict(w, op);
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

int contacts_merge(struct work *w, struct plan *plan, struct err *err)
{
	for (size_t i = 0; i < plan->merges.n; i++) {
		struct contact *a = contact_final(w, plan->merges.at[i].a), *b = contact_final(w, plan->merges.at[i].b);

		if (a != b && contacts_unite(w, plan->merges.at[i].op, a, b, false, err) < 0)
			return -1;
	}
	return 0;
}
