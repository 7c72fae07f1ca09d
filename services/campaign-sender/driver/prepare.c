/* The audience of a campaign, written in chunks. Invariant: a chunk and the cursor behind it are in one commit, so that no
 * address is written twice or missing, wherever the process ends. */
#include "base/failpoint.h"
#include "base/log.h"
#include "campaign-sender/driver/begin.h"
#include "campaign-sender/driver/chunk.h"
#include "campaign-sender/driver/step.h"
#include "campaign-sender/stats.h"

/* What was valid when it started no longer is. RESUME goes on at the cursor. */
static int preparing_pause(const struct driving *w, struct campaign_row *row, const struct plan *p,
	const struct reasons *why, struct err *err)
{
	char campaign[37];

	uuid_format(&row->uuid, campaign);
	row->status = CAMPAIGN_PAUSED;
	row->pause_code = p->n_accounts == 0    ? STR("no_active_account")
		: p->template_code              ? str_of(p->template_code)
		: str_is(row->type, "template") ? STR("template_unusable")
						: STR("invalid_content");
	row->pause_reason = reasons_text(why, w->arena);
	log_warn("campaign paused while its audience was written", LOG_I("workspace", row->workspace_id),
		LOG_S("campaign", campaign), LOG_STR("code", row->pause_code));
	return campaign_change(w, row, "paused", err);
}

static int prepared(const struct driving *w, const struct campaign_row *row, struct err *err)
{
	const struct campaign_key key = { row->workspace_id, row->id };
	struct driven *c = list_find(w->d, &key);
	char campaign[37];

	if (store_campaign_prepared(w->pg, &key, err) < 0)
		return -1;
	if (c)
		c->prepared = true;
	uuid_format(&row->uuid, campaign);
	log_info("campaign prepared", LOG_I("workspace", row->workspace_id), LOG_S("campaign", campaign));
	return 0;
}

static void chunk_count(const struct chunk *c, int64_t written)
{
	stats_prepared((size_t)written);
	for (size_t i = 0; i < c->n_reasons; i++)
		stats_skipped(c->reasons[i].reason, c->reasons[i].n);
}

static int chunk_write(const struct driving *w, const struct campaign_row *row, const struct chunk *c, struct err *err)
{
	const struct campaign_key key = { row->workspace_id, row->id };
	struct str cursor = c->is_last ? STR("") : c->cursor; /* an address might look like retry_cursor() */
	int64_t written;

	if (store_campaign_recipients(w->pg, &key, c->rows, c->n, cursor, row->partition, &written, err) < 0)
		return -1;
	if (failpoint("audience_chunk"))
		return err_set(err, ERR_RETRY, "failpoint", "audience_chunk");
	chunk_count(c, written);
	return c->is_last ? prepared(w, row, err) : 0;
}

int audience_step(const struct driving *w, const struct driven *c, struct err *err)
{
	struct campaign_row row;
	struct chunk chunk = { 0 };
	struct reasons why;
	struct plan plan;
	int rc = store_campaign_lock(w->pg, &c->workspace, &c->uuid, w->arena, &row, err);

	if (rc <= 0)
		return rc;
	if (row.status != CAMPAIGN_RUNNING || row.prepared_us != PG_NO_TIME) {
		list_put(w, &row);
		return 0;
	}
	reasons_init(&why, w->arena);
	if (plan_of_segments(w, &row, &plan, &why, err) < 0)
		return -1;
	if (reasons_count(&why) > 0)
		return preparing_pause(w, &row, &plan, &why, err);
	rc = chunk_read(&chunk, w, &plan, row.audience_cursor, (int)w->shared->settings->campaign_chunk, err);
	if (rc == 0)
		rc = chunk_write(w, &row, &chunk, err);
	chunk_fini(&chunk);
	return rc;
}
