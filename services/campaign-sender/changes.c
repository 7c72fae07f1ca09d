/* See changes.h. */
#include "campaign-sender/changes.h"

#include "base/clock.h"

static void all_changed(struct parts *p)
{
	const struct lane *lane;

	account_cache_clear(p->shared.accounts);
	campaign_cache_clear(p->shared.campaigns);
	flush_refresh_lanes(p->flush);
	flush_refresh_segments(p->flush);
	TAILQ_FOREACH (lane, &p->lanes.all, in_lanes)
		(void)lanes_wake(&p->lanes, lane->row.account_id, clock_mono_ms());
}

void change_lane_due(struct parts *p, int64_t account_id)
{
	p->due = true;
	if (!lanes_wake(&p->lanes, account_id, clock_mono_ms()))
		flush_refresh_lanes(p->flush);
}

static void account_due(struct parts *p, const struct uuid *account)
{
	const struct account *a = account_cache_find_uuid(p->shared.accounts, account);

	if (a)
		change_lane_due(p, a->id);
	else
		flush_refresh_lanes(p->flush);
}

void change_apply(struct parts *p, const struct notice *n)
{
	switch (n->kind) {
	case NOTICE_ALL:
		all_changed(p);
		break;
	case NOTICE_ACCOUNT:
		account_cache_account_changed(p->shared.accounts, &n->uuid);
		campaign_cache_account_changed(p->shared.campaigns);
		flush_refresh_lanes(p->flush);
		break;
	case NOTICE_CAMPAIGN:
		campaign_cache_changed(p->shared.campaigns, &n->uuid);
		flush_refresh_segments(p->flush);
		break;
	case NOTICE_TEMPLATE:
		campaign_cache_template_changed(p->shared.campaigns, n->id);
		break;
	case NOTICE_WORKSPACE:
		account_cache_workspace_changed(p->shared.accounts, &n->uuid);
		flush_refresh_lanes(p->flush);
		flush_refresh_segments(p->flush);
		break;
	case NOTICE_DUE:
		account_due(p, &n->uuid);
		break;
	}
}
