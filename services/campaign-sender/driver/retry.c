/* RETRY_FAILED: failed rows become due as the next generation, in chunks. Where it goes on is in the campaign's row
 * (retry_cursor()), in the commit of the rows: a crash repeats no generation, and misses no row. */
#include "base/failpoint.h"
#include "base/log.h"
#include "campaign-sender/driver/step.h"
#include "store/campaign_audience.h"
#include "store/campaign_driver.h"
#include "store/send_lanes.h"

/* A lane must not find its segment done while rows of it become due. */
static int lanes_lock(const struct driving *w, const struct campaign_key *key, struct err *err)
{
	struct campaign_segment segments[CAMPAIGN_SEGMENTS_MAX];
	struct send_lane_key lanes[CAMPAIGN_SEGMENTS_MAX];
	size_t n;

	if (store_campaign_segments_of(w->pg, key, segments, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		lanes[i] = (struct send_lane_key){ key->workspace_id, segments[i].account_id, segments[i].partition };
	return store_send_lanes_lock(w->pg, lanes, n, err);
}

static int cursor_write(const struct driving *w, const struct campaign_row *row, int64_t last_id, struct err *err)
{
	const struct campaign_key key = { row->workspace_id, row->id };
	struct str cursor = last_id > 0 ? retry_cursor_text(last_id, w->arena) : STR("");
	struct driven *c = list_find(w->d, &key);
	int64_t written;

	if (c)
		c->retrying = last_id > 0;
	return store_campaign_recipients(w->pg, &key, NULL, 0, cursor, row->partition, &written, err);
}

int retry_step(const struct driving *w, const struct driven *c, struct err *err)
{
	int64_t after_id = 0, last_id = 0;
	struct campaign_row row;
	int rc = store_campaign_lock(w->pg, &c->workspace, &c->uuid, w->arena, &row, err);

	if (rc <= 0)
		return rc;
	if (!retry_cursor(&row, &after_id) || (row.status != CAMPAIGN_RUNNING && row.status != CAMPAIGN_PAUSED)) {
		list_put(w, &row);
		return 0;
	}
	if (lanes_lock(w, &c->key, err) < 0 ||
		store_campaign_retry_failed(w->pg, &c->key, after_id, (int)w->shared->settings->campaign_chunk,
			row.partition, &last_id, err) < 0 ||
		cursor_write(w, &row, last_id, err) < 0)
		return -1;
	if (failpoint("retry_chunk"))
		return err_set(err, ERR_RETRY, "failpoint", "retry_chunk");
	return store_campaign_notify(w->pg, &c->uuid, err);
}
