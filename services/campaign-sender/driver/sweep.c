/* Schedules; see sweep.h. */
#include "campaign-sender/driver/sweep.h"

#include "base/log.h"
#include "campaign-sender/driver/begin.h"
#include "campaign-sender/driver/schedule.h"

#define STARTS_MAX 10 /* of one sweep: each is validated in its transaction, */
#define STARTS_MAX_BYTES \
	(16 << 20) /* and none begins once the arena has so much: each composes a chunk of its audience */

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

/* The next sweep goes on with those that did not fit. */
int schedules_sweep(const struct driving *w, struct err *err)
{
	struct driven due[STARTS_MAX];
	size_t n = 0;
	int changed = 0;

	for (size_t i = 0; i < w->d->n && n < STARTS_MAX; i++)
		if (w->d->at[i].status == CAMPAIGN_SCHEDULED && w->d->at[i].due_mono_ms <= w->mono_ms)
			due[n++] = w->d->at[i];
	for (size_t i = 0; i < n && arena_used_bytes(w->arena) < STARTS_MAX_BYTES; i++) {
		int rc = due_start(w, &due[i], err);

		if (rc < 0)
			return -1;
		changed |= rc;
	}
	return changed;
}
