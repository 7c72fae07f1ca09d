/* Schedules; see sweep.h. */
#include "campaign-sender/driver/sweep.h"

#include "base/log.h"
#include "campaign-sender/driver/begin.h"
#include "campaign-sender/driver/schedule.h"

static int missed(const struct driving *w, struct campaign_row *row, struct err *err)
{
	char campaign[37];

	uuid_format(&row->uuid, campaign);
	log_warn("campaign missed its schedule", LOG_I("workspace", row->workspace_id), LOG_S("campaign", campaign),
		LOG_I("late_seconds", -row->scheduled_in_ms / 1000));
	row->status = CAMPAIGN_PAUSED;
	row->pause_code = STR("missed_schedule");
	row->pause_reason = STR("its scheduled time passed while it could not be started");
	return campaign_change(w, row, "paused", err);
}

/* 1: the campaign has changed. The time in memory is only when to look: PostgreSQL's clock decides. */
static int due_start(const struct driving *w, const struct driven *c, struct err *err)
{
	struct campaign_row row;
	int rc = store_campaign_lock(w->pg, &c->workspace, &c->uuid, w->arena, &row, err);

	if (rc <= 0)
		return rc;
	if (row.status == CAMPAIGN_SCHEDULED) {
		switch (schedule_at(row.scheduled_in_ms, w->shared->settings->misfire_ms)) {
		case SCHEDULE_IS_DUE:
			return campaign_begin(w, &row, true, err) < 0 ? -1 : 1;
		case SCHEDULE_WAS_MISSED:
			return missed(w, &row, err) < 0 ? -1 : 1;
		case SCHEDULE_WAITS:
			break;
		}
	}
	list_put(w, &row);
	return 0;
}

static const struct driven *next_due(const struct driving *w)
{
	for (size_t i = 0; i < w->d->n; i++)
		if (w->d->at[i].status == CAMPAIGN_SCHEDULED && w->d->at[i].due_mono_ms <= w->mono_ms)
			return &w->d->at[i];
	return NULL;
}

/* One at a time, as driver_weight() of commands: each is validated in its transaction. */
int schedules_sweep(const struct driving *w, struct err *err)
{
	const struct driven *due = next_due(w);
	struct driven first;
	int changed;

	if (!due)
		return 0;
	first = *due;
	changed = due_start(w, &first, err);
	if (changed >= 0 && next_due(w))
		w->d->wake = true;
	return changed;
}
