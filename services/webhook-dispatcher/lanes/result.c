/* See result.h. Invariant: a failed delivery becomes a row or a dead letter, unless its endpoint was deleted; and no claimed row of its chain is
 * attempted before it. */
#include "webhook-dispatcher/lanes/result.h"

#include "base/log.h"
#include "webhook-dispatcher/lanes/chain.h"
#include "webhook-dispatcher/lanes/lane.h"
#include "webhook-dispatcher/lanes/lane_state.h"
#include "webhook-dispatcher/policy/endpoint_health.h"
#include "webhook-dispatcher/policy/retry_schedule.h"
#include "webhook-dispatcher/policy/verdict.h"

#define ABORTED_MS 1000 /* until an attempt for which this machine lacked resources is repeated */

/* Health */

static void finding_note(struct lane *l, enum endpoint_finding finding, int64_t at_us)
{
	journal_add_finding(l->partition->shared->journal, l->endpoint, l->partition->number, finding, at_us, NULL,
		NULL);
}

static void health_note(struct lane *l, enum health_finding finding, int64_t now_us)
{
	struct endpoint_row *row =
		&l->endpoint
			 ->row; /* changed at once, as the flush will change the row, so that a finding is recorded once */
	struct lane_shared *s = l->partition->shared;

	switch (finding) {
	case HEALTH_SAME:
		break;
	case HEALTH_ANSWERS:
		row->failing_since_us = PG_NO_TIME;
		row->state = ENDPOINT_ACTIVE;
		finding_note(l, ENDPOINT_ANSWERS, now_us);
		break;
	case HEALTH_FAILS:
		row->failing_since_us = l->fails_since_ms * 1000;
		finding_note(l, ENDPOINT_FAILS, row->failing_since_us);
		break;
	case HEALTH_EXPIRED:
		journal_add_disable(s->journal, l->endpoint, l->partition->number, "every attempt failed for too long",
			s->settings->disable_after_ms, now_us);
		break;
	}
}

static void lane_succeeded(struct lane *l, int64_t now_us)
{
	pace_succeeded(&l->pace);
	health_note(l, health_succeeded(&l->endpoint->row, &l->fails_since_ms), now_us);
}

static void lane_failed(struct lane *l, int64_t now_us)
{
	int64_t disable_after_ms = l->partition->shared->settings->disable_after_ms;

	health_note(l, health_failed(&l->endpoint->row, &l->fails_since_ms, disable_after_ms, now_us / 1000), now_us);
}

/* Ends */

static void delivery_exhausted(struct delivery *d, int64_t now_us)
{
	struct lane *l = d->lane;

	journal_add_finding(l->partition->shared->journal, l->endpoint, l->partition->number, ENDPOINT_EXHAUSTED,
		now_us, d->error, d->event);
	l->endpoint->row.state = ENDPOINT_FAILING;
	chain_end_delivery(d, END_EXHAUSTED, 0);
}

static void delivery_failed(struct delivery *d, const struct result *r, bool quick)
{
	const struct endpoint *e = d->lane->endpoint;
	int64_t delay = retry_next_ms(&e->schedule, d->retries, quick, r->retry_after_ms, r->random);

	lane_failed(d->lane, r->now_us);
	chain_unclaim(d->chain);
	if (e->row.deleted)
		chain_end_delivery(d, END_ABANDONED, 0);
	else if (delay == SCHEDULE_EXHAUSTED)
		delivery_exhausted(d, r->now_us);
	else
		chain_end_delivery(d, e->live ? END_RETRY : END_WAIT, delay);
}

static void lane_slow_down(struct lane *l, const struct result *r)
{
	const struct pace_limits limits = lane_limits(l);

	if (r->class == CLASS_RATE_LIMITED) {
		pace_limited(&l->pace, r->retry_after_ms, r->now_mono_ms);
	} else if (pace_failed(&l->pace, &limits, r->now_mono_ms)) {
		log_info("circuit breaker opened", LOG_I("endpoint_id", l->endpoint->row.id),
			LOG_I("partition", l->partition->number), LOG_I("failures", l->pace.failures));
		lane_fall_behind(l, r->now_mono_ms);
	}
}

/* As if it was not begun: it counts neither as an attempt nor against the endpoint. */
static void delivery_aborted(struct delivery *d)
{
	chain_unclaim(d->chain);
	d->attempted = false;
	d->error[0] = d->code[0] = '\0';
	chain_end_delivery(d, END_RETRY, d->lane->partition->shared->draining ? 0 : ABORTED_MS);
}

bool result_apply(struct delivery *d, const struct result *r)
{
	struct lane *l = d->lane;

	d->attempted = true;
	switch (verdict_of(r->class, l->endpoint->row.lenient)) {
	case VERDICT_DELIVERED:
		lane_succeeded(l, r->now_us);
		chain_end_delivery(d, END_DELIVERED, 0);
		break;
	case VERDICT_RETRY:
		delivery_failed(d, r, false);
		lane_slow_down(l, r);
		break;
	case VERDICT_QUICK_RETRY: /* the endpoint answers, even though it rejects this event */
		pace_succeeded(&l->pace);
		delivery_failed(d, r, true);
		break;
	case VERDICT_GONE:
		chain_unclaim(d->chain);
		chain_end_delivery(d, END_WAIT, RETRY_WAITS);
		journal_add_disable(l->partition->shared->journal, l->endpoint, l->partition->number,
			"it answered 410 Gone", 0, r->now_us);
		return true;
	case VERDICT_ABORTED: /* the endpoint did not fail */
		delivery_aborted(d);
		break;
	}
	return false;
}
