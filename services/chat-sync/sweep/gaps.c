/* See gaps.h. */
#include "chat-sync/sweep/gaps.h"
#include "chat-sync/effect.h"
#include "chat-sync/fold/sync.h"
#include "chat-sync/settings.h"

#include "base/log.h"

/* Published by the replica that sweeps first, which need not own the account's partition. */
static int sync_failed_emit(struct sweep *d, const struct stale_sync *stale, struct err *err)
{
	struct chat_event e = { .workspace = stale->workspace,
		.account = stale->account,
		.provider = stale->provider,
		.origin = ORIGIN_LIVE,
		.kind = CE_SYNC_COMPLETED,
		.occurred_at_ms = d->w->now_ms };
	struct uuid subject;

	sync_event(&e, &stale->state, "failed");
	sync_subject(d->w, &stale->account, &stale->state, &subject);
	chat_event_derive_id(&e, &stale->account, &subject);
	return event_emit(d->w, d->partition, &e, STR_NONE, err);
}

static int syncs_fail(struct sweep *d, struct err *err)
{
	struct stale_sync *stale;
	size_t n;

	if (store_syncs_fail_stale(d->w->pg, d->s->settings->sync_idle_ms, d->w->arena, &stale, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (sync_failed_emit(d, &stale[i], err) < 0)
			return -1;
		report_sync(&d->s->report, "failed",
			&(struct sync_report){ .workspace = stale[i].workspace,
				.account = stale[i].account,
				.state = stale[i].state });
		d->changed = d->s->cache_stale = true;
	}
	return 0;
}

static void gap_found(struct sweep *d, const char *kind, struct log_limit *limit, const char *event,
	int64_t workspace_id, int64_t account_id)
{
	uint64_t suppressed;

	if (log_limit_pass(limit, d->w->now_mono_ms, &suppressed))
		log_warn(event, LOG_I("workspace", workspace_id), LOG_I("account", account_id),
			LOG_I("suppressed", suppressed));
	report_gap(&d->s->report, kind);
	d->changed = d->s->cache_stale = true;
}

static void session_silent(void *ctx, int64_t workspace_id, int64_t account_id)
{
	struct sweep *d = ctx;

	gap_found(d, "silent_session", &d->s->report.session_silent, "session silent", workspace_id, account_id);
}

static void history_stalled(void *ctx, int64_t workspace_id, int64_t account_id)
{
	struct sweep *d = ctx;

	gap_found(d, "history", &d->s->report.history_stalled, "history stalled", workspace_id, account_id);
}

int gaps_sweep(struct sweep *d, struct err *err)
{
	struct pg *pg = d->w->pg;

	if (store_accounts_mark_gap(pg, d->gap_workspaces, d->gap_accounts, d->n_gaps, err) < 0 ||
		syncs_fail(d, err) < 0 ||
		store_accounts_mark_history(pg, d->s->settings->history_idle_ms, history_stalled, d, err) < 0)
		return -1;
	return store_accounts_mark_silent(pg, d->s->settings->session_silent_ms, session_silent, d, err);
}
