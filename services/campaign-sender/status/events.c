/* The accounts and addresses of a batch's events. */
#include "campaign-sender/status/private.h"

/* Accounts first: they say which workspaces the events are of. */
static int accounts_load(struct status_work *w, struct batch_item *const *items, size_t n, struct err *err)
{
	struct uuid *accounts = ARENA_ARRAY(w->arena, struct uuid, n);
	int64_t *workspaces = ARENA_ARRAY(w->arena, int64_t, n);
	size_t n_workspaces = 0;

	for (size_t i = 0; i < n; i++)
		accounts[i] = ((const struct status_record *)items[i]->decoded)->event.account;
	if (account_cache_load_ids(w->shared->accounts, w->pg, accounts, n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct account *a = account_cache_find_uuid(w->shared->accounts, &accounts[i]);

		if (a && !a->deleted)
			workspaces[n_workspaces++] = a->workspace_id;
	}
	return account_cache_load(w->shared->accounts, w->pg, workspaces, n_workspaces, err);
}

static bool event_find(struct status_work *w, struct batch_item *item, struct status_event *e)
{
	const struct status_record *r = item->decoded;
	const struct account *a = account_cache_find_uuid(w->shared->accounts, &r->event.account);

	*e = (struct status_event){ .item = item, .record = r, .account = a };
	if (!a || !uuid_eq(&a->workspace, &r->event.workspace))
		return false;
	switch (r->use) {
	case USE_ECHO:
		return a->from.bridge == BRIDGE_WAHA || a->from.bridge == BRIDGE_EVOLUTION ||
			a->from.bridge == BRIDGE_WWEBJS;
	case USE_WORD:
		return word_match(e, account_cache_settings(w->shared->accounts, a->workspace_id), w->arena);
	case USE_EVIDENCE:
	case USE_TEMPLATE:
		break;
	}
	return true;
}

/* Which events need addresses: words name whom they are about; an echo finds its row by them; the ids of campaigns' rows
 * are trusted alone unless the database was restored. */
static bool needs_addresses(const struct status_event *e, bool *wanted)
{
	const struct status_record *r = e->record;

	*wanted = r->use != USE_EVIDENCE;
	return r->use != USE_TEMPLATE && (*wanted || r->client.id > 0);
}

static int addresses_read(struct status_work *w, struct err *err)
{
	struct send_conversation *all = ARENA_ARRAY(w->arena, struct send_conversation, w->n_events);
	size_t n = 0;

	for (size_t i = 0; i < w->n_events; i++) {
		struct status_event *e = &w->events[i];
		bool wanted;

		if (!needs_addresses(e, &wanted))
			continue;
		all[n] = (struct send_conversation){ .workspace_id = e->account->workspace_id,
			.conversation = e->record->event.conversation,
			.wanted = wanted };
		e->conversation = &all[n++];
	}
	return store_send_conversations(w->pg, all, n, w->arena, err);
}

int events_find(struct status_work *w, struct batch_item *const *items, size_t n, struct err *err)
{
	if (n == 0)
		return 0;
	if (accounts_load(w, items, n, err) < 0)
		return -1;
	w->events = ARENA_ARRAY(w->arena, struct status_event, n);
	for (size_t i = 0; i < n; i++)
		w->n_events += event_find(w, items[i], &w->events[w->n_events]);
	return addresses_read(w, err);
}
