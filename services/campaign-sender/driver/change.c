/* New states of campaigns: written, published, kept in memory; see private.h. */
#include "base/clock.h"
#include "campaign-sender/driver/private.h"
#include "campaign-sender/stats.h"
#include "store/campaign_driver.h"

struct driving driving_open(struct driver *d, struct owner_tx *tx)
{
	return (struct driving){ .d = d,
		.shared = d->shared,
		.tx = tx,
		.pg = owner_tx_pg(tx),
		.arena = owner_tx_arena(tx),
		.now_us = clock_now_us(),
		.mono_ms = clock_mono_ms() };
}

static void news_record(const struct driving *w, int32_t partition, const struct campaign_news *news)
{
	const struct record_target to = { .tx = w->tx,
		.partition = { w->shared->commands, partition },
		.topics = w->shared->topics,
		.now_ms = w->now_us / 1000 };

	record_campaign(&to, news, w->arena);
}

void driving_record(const struct driving *w, const struct driven *c, const char *what,
	const struct campaign_counters *counters)
{
	news_record(w, c->partition,
		&(struct campaign_news){
			.workspace = c->workspace, .campaign = c->uuid, .what = what, .counters = *counters });
}

int campaign_change(const struct driving *w, const struct campaign_row *row, const char *what, struct err *err)
{
	const struct campaign_key key = { row->workspace_id, row->id };
	struct campaign_news news = { .workspace = row->workspace, .campaign = row->uuid, .what = what };

	if (what && store_campaign_counters(w->pg, &key, &news.counters, err) < 0)
		return -1;
	if (store_campaign_write(w->pg, row, err) < 0)
		return -1;
	news.code = row->status == CAMPAIGN_FAILED ? STR("not_valid") : row->pause_code;
	news.reason = row->status == CAMPAIGN_FAILED ? row->error_message : row->pause_reason;
	if (what)
		news_record(w, row->partition, &news);
	if (row->status == CAMPAIGN_PAUSED && what)
		stats_paused(row->pause_code);
	list_put(w, row);
	return 0;
}
