/* See accounts.h. */
#include "chat-sync/resolve/accounts.h"
#include "chat-sync/expand.h"
#include "chat-sync/report.h"

void account_loaded(void *ctx, const struct account_row *row)
{
	struct work *w = ctx;

	cache_put_account(w->cache, row, w->now_mono_ms);
}

static int accounts_load_missing(struct work *w, struct batch_item *const *items, size_t n, struct err *err)
{
	struct uuid *missing = ARENA_ARRAY(w->arena, struct uuid, n);
	size_t n_missing = 0, hits = 0;

	map_clear(w->index);
	for (size_t i = 0; i < n; i++) {
		const struct inbound_event *e = items[i]->decoded;
		void **seen;

		if (cache_account(w->cache, &e->account, w->now_mono_ms)) {
			hits++;
			continue;
		}
		seen = map_slot(w->index, uuid_bytes(&e->account));
		if (!*seen) {
			*seen = w;
			missing[n_missing++] = e->account;
		}
	}
	report_cache(w->report, "accounts", hits, n_missing);
	return n_missing == 0 ? 0 : store_accounts_load(w->pg, missing, n_missing, w->arena, account_loaded, w, err);
}

static bool any_unknown(const struct work *w, struct batch_item *const *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct inbound_event *e = items[i]->decoded;

		if (!cache_account(w->cache, &e->account, w->now_mono_ms))
			return true;
	}
	return false;
}

/* With no account visible at all, an outage is more likely than that every record is wrong. */
static int accounts_are_there(struct work *w, struct batch_item *const *items, size_t n, struct err *err)
{
	bool any;

	if (!any_unknown(w, items, n))
		return 0;
	if (store_accounts_any(w->pg, &any, err) < 0)
		return -1;
	return any ? 0
		   : err_set(err, ERR_RETRY, "no_accounts", "the database has no account at all: an outage is assumed");
}

/* What Blazz asks for to keep its own rows consistent applies to deleted accounts, too: they may be restored. When their workspace cannot be
 * restored any more, cleanup deletes its rows, and nothing applies. */
static bool applies_when_deleted(const struct account *a, const struct inbound_event *e)
{
	if (a->row.workspace_goes)
		return false;
	return e->kind == IN_READ_MARKER || e->kind == IN_CONTACT_ERASE ||
		(e->kind == IN_IDENTITY_CHANGE && e->u.identity_change.kind == IDENTITY_MERGED);
}

/* cleanup deletes messages of that age (retention): a history or a sync would bring them back. */
static bool is_expired_message(const struct work *w, const struct account *a, const struct inbound_event *e)
{
	return (e->kind == IN_MESSAGE || e->kind == IN_CALL) &&
		message_is_expired(a->row.retention_days, inbound_time_ms(e), w->now_ms);
}

static void item_filter(struct work *w, struct batch_item *item)
{
	const struct inbound_event *e = item->decoded;

	item->outcome = OUTCOME_FILTERED;
	report_event(w->report, inbound_kind_word(e->kind), "filtered");
}

int accounts_resolve(struct work *w, struct batch_item *const *items, size_t n, struct err *err)
{
	if (accounts_load_missing(w, items, n, err) < 0 || accounts_are_there(w, items, n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct inbound_event *e = items[i]->decoded;
		const struct account *a = cache_account(w->cache, &e->account, w->now_mono_ms);

		if (!a)
			batch_dead_letter(w->tx, items[i], DEAD_UNKNOWN_REFERENCE, "account", "no such account", true);
		else if (!uuid_eq(&a->row.workspace, &e->workspace))
			batch_dead_letter(w->tx, items[i], DEAD_UNKNOWN_REFERENCE, "workspace",
				"the account belongs to another workspace", false);
		else if (a->row.deleted && !applies_when_deleted(a, e))
			item_filter(w, items[i]);
		else if (is_expired_message(w, a, e))
			item_filter(w, items[i]);
		else
			ops_expand(w, items[i]);
	}
	return 0;
}
