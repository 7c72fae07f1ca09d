/* See upkeep.h. */
#include "campaign-sender/upkeep.h"

#include "base/clock.h"
#include "base/log.h"
#include "campaign-sender/stats.h"
#include "provider/codes.h"
#include "store/send_attempts.h"
#include "store/sending_settings.h"
#include "store/sends_results.h"

#define REPORT_MS     1000
#define TIDY_MS       3600000
#define TIDY_ROWS     10000
#define UNKNOWN_EVERY 15 /* reports */
#define OVERDUE_MS    300000
#define DAYS_AHEAD    3

int upkeep_read_restores(struct upkeep *u, struct pg *pg, struct err *err)
{
	int pending = store_restore_pending(pg, &u->lanes->restored_us, err);

	if (pending < 0)
		return -1;
	if ((pending == 1) != u->lanes->stopped) {
		if (pending == 1)
			log_error("nothing is sent: a restore of the database is not accepted yet");
		else
			log_info("messages are sent");
	}
	u->lanes->stopped = pending == 1;
	return 0;
}

static int64_t since_due_ms(const struct send_list *list, int64_t now_us)
{
	const struct send *s;
	int64_t oldest_us = now_us;

	TAILQ_FOREACH (s, list, in_list)
		if (s->row.next_attempt_us != PG_NO_TIME && s->row.next_attempt_us < oldest_us)
			oldest_us = s->row.next_attempt_us;
	return (now_us - oldest_us) / 1000;
}

static void lane_gauge(const struct lane *lane, int64_t now_us, struct stats_gauges *g)
{
	int64_t waits_ms = lane->usable ? since_due_ms(&lane->direct, now_us) : 0;
	const struct segment *s;

	g->direct_waiting += lane->n_direct + lane->n_delayed;
	g->unknown_waiting += lane->n_unknown;
	if (lane->row.held_until_us > now_us)
		stats_hold_add(g, code_of_answer(code_parse(lane->row.held_code), 400).reason);
	g->breakers_open += pace_is_open(&lane->pace);
	if (waits_ms > g->oldest_due_ms)
		g->oldest_due_ms = waits_ms;
	TAILQ_FOREACH (s, &lane->segments, in_lane) {
		g->campaign_waiting += s->n_queued + s->n_retries + s->n_delayed;
		g->campaigns_stopped += s->stopped;
	}
}

bool upkeep_reports(const struct upkeep *u, int64_t now_mono_ms)
{
	return now_mono_ms >= u->report_mono_ms;
}

static int unknown_report(struct pg *pg, const int32_t *partitions, size_t n, struct err *err)
{
	struct send_unknown_count count;

	if (store_sends_count_unknown(pg, partitions, n, OVERDUE_MS, &count, err) < 0)
		return -1;
	stats_unknown(count.unknown, count.overdue);
	return 0;
}

int upkeep_report(struct upkeep *u, struct pg *pg, const int32_t *partitions, size_t n, int64_t now_mono_ms,
	struct err *err)
{
	struct stats_gauges g = { .in_flight = u->lanes->in_flight };
	int64_t now_us = clock_now_us();
	const struct lane *lane;

	u->report_mono_ms = now_mono_ms + REPORT_MS;
	TAILQ_FOREACH (lane, &u->lanes->all, in_lanes)
		lane_gauge(lane, now_us, &g);
	stats_gauges(&g);
	if (upkeep_read_restores(u, pg, err) < 0)
		return -1;
	return u->reports++ % UNKNOWN_EVERY == 0 ? unknown_report(pg, partitions, n, err) : 0;
}

int upkeep_tidy(struct upkeep *u, struct pg *pg, int64_t now_mono_ms, struct err *err)
{
	if (now_mono_ms < u->tidy_mono_ms)
		return 0;
	u->tidy_mono_ms = now_mono_ms + TIDY_MS;
	if (store_send_attempts_maintain(pg, DAYS_AHEAD, (int)u->settings->retention_days, err) < 0)
		return -1;
	return store_send_limits_expire(pg, TIDY_ROWS, err);
}
