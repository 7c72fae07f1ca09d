/* Writing effects; see effects.h. Invariant: rows and records are in the caller's transaction, so that a flush that is tried again writes them again;
 * what is set in memory before its commit (holds in the cache) is what PostgreSQL is about to have, or is set again by the repeat. */
#include "campaign-sender/effects/private.h"

#include "base/log.h"
#include "campaign-sender/stats.h"

#define OPT_OUT_CATEGORY STR("marketing_messages")

struct write {
	struct effects *e;
	const struct record_target *to;
	struct account_cache *accounts;
	const struct effects_ops *ops;
	struct arena *arena;
};

static int64_t until_of(const struct send_hold *h)
{
	return h->for_ms < 0 ? INT64_MAX : h->at_us + h->for_ms * 1000;
}

static void held(const struct write *w, int64_t workspace_id, int64_t account_id, int64_t until_us)
{
	if (w->ops->held)
		w->ops->held(w->ops->ctx, workspace_id, account_id, until_us);
}

/* Whether the account is held for this code already. */
static bool is_known(const struct account *a, const struct send_hold *h)
{
	return a->held_at_us != PG_NO_TIME && a->held_until_us > h->at_us && a->desired_us <= a->held_at_us &&
		str_eq(a->held_code, h->code);
}

static void hold_log(const struct effect_hold *h, const struct account *a)
{
	enum log_level level = h->alert ? LOG_ERROR : LOG_INFO;
	char uuid[37];

	uuid_format(&a->uuid, uuid);
	LOG_AT(level, "account held", LOG_S("account", uuid), LOG_STR("code", h->hold.code), LOG_S("reason", h->reason),
		LOG_I("for_seconds", h->hold.for_ms < 0 ? -1 : h->hold.for_ms / 1000), LOG_LAST);
}

/* An old status may come after the hold has ended or the account was connected again. */
static bool is_over(const struct write *w, const struct account *a, const struct send_hold *h)
{
	return until_of(h) <= w->to->now_ms * 1000 || (a && a->desired_us > h->at_us);
}

static void hold_apply(const struct write *w, const struct effect_hold *h)
{
	const struct account *a = account_cache_find(w->accounts, h->hold.workspace_id, h->hold.account_id);

	if (is_over(w, a, &h->hold))
		return;
	if (a && !is_known(a, &h->hold))
		hold_log(h, a);
	if (a && h->disconnected)
		record_session(w->to, a, false, str_of(h->reason), w->arena);
	account_cache_hold(w->accounts, &h->hold);
	held(w, h->hold.workspace_id, h->hold.account_id, until_of(&h->hold));
}

static int holds_write(const struct write *w, struct err *err)
{
	size_t n = w->e->n_holds;
	struct send_hold *holds = ARENA_ARRAY(w->arena, struct send_hold, n);

	for (size_t i = 0; i < n; i++)
		holds[i] = w->e->holds[i].hold;
	if (store_send_lanes_hold(owner_tx_pg(w->to->tx), holds, n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (holds[i].applied)
			hold_apply(w, &w->e->holds[i]);
	return 0;
}

static struct str scope_id(const struct account *a, enum account_scope scope)
{
	switch (scope) {
	case SCOPE_WABA:
		return a->waba_id;
	case SCOPE_APP:
		return a->app;
	case SCOPE_ACCOUNT:
		break;
	}
	return STR_NONE;
}

/* An app is shared by workspaces, a WABA is one workspace's. */
static bool shares(const struct account *a, const struct account *other, enum account_scope scope)
{
	return other->id != a->id && (scope == SCOPE_APP || other->workspace_id == a->workspace_id) &&
		str_eq(scope_id(other, scope), scope_id(a, scope));
}

/* All accounts in memory that share the limit wait; those of lanes here are. An account without an id of that scope waits alone. */
static void wait_apply(const struct write *w, const struct effect_wait *wait)
{
	int64_t workspace_id = wait->account.workspace_id, account_id = wait->account.account_id, until_us;
	const struct account *a = account_cache_find(w->accounts, workspace_id, account_id), *other;
	struct str id = a ? scope_id(a, wait->scope) : STR_NONE;
	struct str scope = id.n > 0 ? arena_printf(w->arena, "%d:%.*s", (int)wait->scope, STR_ARG(id))
				    : arena_printf(w->arena, "account:%lld", (long long)account_id);

	until_us = scope_waits_until(w->ops->waits, scope, wait->at_us);
	held(w, workspace_id, account_id, until_us);
	for (size_t i = 0; id.n > 0 && (other = account_cache_each_cached(w->accounts, &i));)
		if (shares(a, other, wait->scope))
			held(w, other->workspace_id, other->id, until_us);
}

static void warning_write(const struct write *w, const struct effect_warning *warning)
{
	char uuid[37];

	if (!campaign_warnings_add(w->ops->warnings, &warning->campaign, warning->reason))
		return;
	uuid_format(&warning->campaign, uuid);
	stats_warned(warning->reason);
	log_warn("many messages of a campaign fail", LOG_S("campaign", uuid), LOG_STR("code", warning->code),
		LOG_S("reason", warning->reason));
}

static void connected_write(const struct write *w, const struct effect_account *c)
{
	const struct account *a = account_cache_find(w->accounts, c->workspace_id, c->account_id);

	if (a)
		record_session(w->to, a, true, STR_NONE, w->arena);
}

static void opt_out_write(const struct write *w, const struct effect_opt_out *o)
{
	const struct account *a = account_cache_find(w->accounts, o->account.workspace_id, o->account.account_id);

	if (a)
		record_opt_out(w->to, a, o->address, OPT_OUT_CATEGORY, true, o->at_us / 1000, w->arena);
}

int effects_write(struct effects *e, const struct record_target *to, struct account_cache *accounts,
	const struct effects_ops *ops, struct err *err)
{
	const struct write w = { e, to, accounts, ops, owner_tx_arena(to->tx) };

	if (holds_write(&w, err) < 0)
		return -1;
	for (size_t i = 0; i < e->n_waits; i++)
		wait_apply(&w, &e->waits[i]);
	for (size_t i = 0; i < e->n_warnings; i++)
		warning_write(&w, &e->warnings[i]);
	for (size_t i = 0; i < e->n_connected; i++)
		connected_write(&w, &e->connected[i]);
	for (size_t i = 0; i < e->n_pauses; i++)
		record_campaign_command(to, &e->pauses[i], w.arena);
	for (size_t i = 0; i < e->n_opt_outs; i++)
		opt_out_write(&w, &e->opt_outs[i]);
	return store_undeliverable(owner_tx_pg(to->tx), e->undeliverable, e->n_undeliverable, err);
}
