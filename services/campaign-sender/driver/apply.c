/* See apply.h. Invariant: a command works on the row as it is locked, so that the same command twice has one effect. */
#include "campaign-sender/driver/apply.h"

#include "base/log.h"
#include "campaign-sender/driver/begin.h"
#include "campaign-sender/driver/command.h"
#include "campaign-sender/driver/schedule.h"
#include "store/campaign_audience.h"

static bool waits_for_schedule(const struct campaign_row *row)
{
	return schedule_at(row->scheduled_in_ms, INT64_MAX) == SCHEDULE_WAITS;
}

static int pause(const struct driving *w, struct campaign_row *row, const struct campaign_command *c, struct err *err)
{
	row->status = CAMPAIGN_PAUSED;
	row->pause_code = c->code.n > 0 ? c->code : STR_NONE;
	row->pause_reason = c->reason.n > 0 ? c->reason : STR_NONE;
	return campaign_change(w, row, "paused", err);
}

/* One that was paused before it began, begins: it has no segments yet. */
static int resume(const struct driving *w, struct campaign_row *row, struct err *err)
{
	if (row->started_us == PG_NO_TIME && !waits_for_schedule(row))
		return campaign_begin(w, row, true, err);
	row->status = row->started_us == PG_NO_TIME ? CAMPAIGN_SCHEDULED : CAMPAIGN_RUNNING;
	row->pause_code = row->pause_reason = STR_NONE;
	return campaign_change(w, row, "resumed", err);
}

static int cancel(const struct driving *w, struct campaign_row *row, struct err *err)
{
	row->status = CAMPAIGN_CANCELLED;
	row->pause_code = row->pause_reason = STR_NONE;
	return campaign_change(w, row, "cancelled", err);
}

/* The failed rows become due in chunks (retry.c). A completed campaign runs again; a paused one waits for its RESUME. */
static int retry(const struct driving *w, struct campaign_row *row, struct err *err)
{
	const struct campaign_key key = { row->workspace_id, row->id };
	bool was_completed = row->status == CAMPAIGN_COMPLETED;
	int64_t written;

	row->audience_cursor = retry_cursor_text(0, w->arena);
	if (was_completed)
		row->status = CAMPAIGN_RUNNING;
	if (store_campaign_recipients(w->pg, &key, NULL, 0, row->audience_cursor, row->partition, &written, err) < 0)
		return -1;
	return campaign_change(w, row, was_completed ? "resumed" : NULL, err);
}

static int effect_apply(const struct driving *w, enum command_effect effect, struct campaign_row *row,
	const struct campaign_command *c, struct err *err)
{
	switch (effect) {
	case COMMAND_STARTS:
		return campaign_begin(w, row, !waits_for_schedule(row), err);
	case COMMAND_PAUSES:
		return pause(w, row, c, err);
	case COMMAND_RESUMES:
		return resume(w, row, err);
	case COMMAND_CANCELS:
		return cancel(w, row, err);
	case COMMAND_RETRIES:
		return retry(w, row, err);
	case COMMAND_NOT_ALLOWED:
	case COMMAND_CHANGES_NOTHING:
	case COMMAND_OUTDATED:
		break;
	}
	return 0;
}

static void command_log(const struct campaign_command *c, const struct campaign_row *row, enum command_effect effect)
{
	char campaign[37];

	uuid_format(&row->uuid, campaign);
	if (effect >= COMMAND_STARTS)
		log_info("campaign command applied", LOG_I("workspace", row->workspace_id), LOG_S("campaign", campaign),
			LOG_S("command", campaign_action_word(c->action)), LOG_STR("code", c->code));
	else
		log_info("campaign command without effect", LOG_I("workspace", row->workspace_id),
			LOG_S("campaign", campaign), LOG_S("command", campaign_action_word(c->action)),
			LOG_S("status", store_campaign_status_word(row->status)),
			LOG_S("why", command_effect_word(effect)));
}

int command_apply(const struct driving *w, struct batch_item *item, struct err *err)
{
	const struct campaign_command *c = item->decoded;
	struct campaign_row row;
	enum command_effect effect;
	int found = store_campaign_lock(w->pg, &c->workspace, &c->campaign, w->arena, &row, err);

	if (found <= 0) {
		if (found == 0)
			batch_dead_letter(w->tx, item, DEAD_UNKNOWN_REFERENCE, "campaign",
				"the workspace has no such campaign", true);
		return found;
	}
	effect = command_effect_of(c, &row);
	command_log(c, &row, effect);
	if (effect < COMMAND_STARTS) {
		item->outcome = OUTCOME_NO_EFFECT;
		return 0;
	}
	row.partition = item->partition.number;
	row.commanded_us = command_commanded_us(c, &row, w->now_us);
	item->outcome = OUTCOME_APPLIED;
	w->d->wake = true;
	return effect_apply(w, effect, &row, c, err);
}
