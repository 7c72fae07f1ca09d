/* One event to one endpoint: attempts, and how each ends; see flow.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "webhook-dispatcher/dispatcher.h"
#include "webhook-dispatcher/endpoint_health.h"
#include "webhook-dispatcher/retry_schedule.h"
#include "webhook-dispatcher/settlement.h"
#include "webhook-dispatcher/stats.h"
#include "webhook-dispatcher/verdict.h"

#define ABORTED_MS 1000 /* until an attempt that this machine had no room for is tried again */

struct delivery *delivery_new(struct feed *f, struct chain *c, struct event *e, enum delivery_hold hold)
{
	struct delivery *d = mem_calloc(1, sizeof(*d));

	d->event = event_ref(e);
	d->lane = c->lane;
	d->feed = f;
	d->chain = c;
	d->key = c->key;
	d->endpoint = c->lane->endpoint->row.uuid;
	d->hold = hold;
	d->matched_before = f ? f->matched : 0;
	if (hold == HOLDS_PARTITION)
		TAILQ_INSERT_TAIL(&e->deliveries, d, in_hold);
	else if (hold == HOLDS_FEED)
		TAILQ_INSERT_TAIL(&f->held, d, in_hold);
	return d;
}

void delivery_let_go(struct delivery *d)
{
	enum delivery_hold hold = d->hold;

	d->hold = HOLDS_NOTHING;
	if (hold == HOLDS_PARTITION)
		TAILQ_REMOVE(&d->event->deliveries, d, in_hold);
	if (hold == HOLDS_FEED) {
		TAILQ_REMOVE(&d->feed->held, d, in_hold);
		feed_touch(d->feed);
		d->feed = NULL; /* it may end before this does */
	}
}

void delivery_drop(struct delivery *d)
{
	struct chain *c = d->chain;

	TAILQ_REMOVE(&c->waiting, d, in_chain);
	c->lane->waiting--;
	delivery_free(d);
	chain_settle(c);
}

static struct str row_key(const struct delivery *d)
{
	return (struct str){ (const char *)&d->row, sizeof(d->row) };
}

void delivery_free(struct delivery *d)
{
	delivery_let_go(d);
	if (d->row && d->lane)
		map_del(d->lane->partition->by_row, row_key(d));
	event_unref(d->event);
	free(d);
}

/* Ends */

void delivery_end(struct delivery *d, enum delivery_end end, int64_t delay_ms)
{
	bool waits = end == END_RETRY || end == END_WAIT, had_row = d->row || d->row_coming;

	if (waits && !had_row)
		chain_add_row(d->chain, d->event->offset);
	if (waits)
		feed_passed(d->feed, d);
	if (!waits && had_row)
		chain_drop_row(d->chain);
	d->state = DELIVERY_ENDED;
	d->end = end;
	d->delay_ms = delay_ms;
	settlement_add_end(d->lane->partition->d->filling, d);
}

void delivery_spill(struct delivery *d)
{
	if (d->row || d->row_coming)
		return;
	d->row_coming = true;
	chain_add_row(d->chain, d->event->offset);
	settlement_add_spill(d->lane->partition->d->filling, d);
	chain_settle(d->chain);
}

void delivery_detach(struct delivery *d)
{
	delivery_let_go(d);
	d->lane = NULL;
	d->chain = NULL;
	d->feed = NULL;
}

/* Health */

static void health_note(struct lane *l, enum health_finding finding)
{
	struct dispatcher *d = l->partition->d;
	struct endpoint_row *row = &l->endpoint->row; /* changes as it will be read: told once */

	switch (finding) {
	case HEALTH_SAME:
		break;
	case HEALTH_ANSWERS:
		row->failing_since_us = PG_NO_TIME;
		row->state = ENDPOINT_ACTIVE;
		settlement_add_finding(d->filling, l, ENDPOINT_ANSWERS, clock_now_us(), NULL, NULL);
		break;
	case HEALTH_FAILS:
		row->failing_since_us = l->fails_since_ms * 1000;
		settlement_add_finding(d->filling, l, ENDPOINT_FAILS, row->failing_since_us, NULL, NULL);
		break;
	case HEALTH_EXPIRED:
		dispatcher_disable(d, l, "every attempt failed for too long", d->settings->disable_after_ms);
		break;
	}
}

static void lane_succeeded(struct lane *l)
{
	health_note(l, health_succeeded(&l->endpoint->row, &l->fails_since_ms));
}

static void lane_failed(struct lane *l)
{
	int64_t disable_after_ms = l->partition->d->settings->disable_after_ms;

	health_note(l, health_failed(&l->endpoint->row, &l->fails_since_ms, disable_after_ms, clock_now_ms()));
}

/* Attempts */

static void delivery_exhaust(struct delivery *d)
{
	struct lane *l = d->lane;

	settlement_add_finding(l->partition->d->filling, l, ENDPOINT_EXHAUSTED, clock_now_us(), d->error, d->event);
	l->endpoint->row.state = ENDPOINT_FAILING;
	delivery_end(d, END_EXHAUSTED, 0);
}

static void delivery_failed(struct delivery *d, const struct exchange_result *r, bool quick)
{
	const struct endpoint *e = d->lane->endpoint;
	int64_t delay = retry_next_ms(&e->schedule, d->retries, quick, r->retry_after_ms, rng_unit());

	lane_failed(d->lane);
	chain_give_back(d->chain);
	if (e->row.deleted)
		delivery_end(d, END_ABANDONED, 0);
	else if (delay == SCHEDULE_EXHAUSTED)
		delivery_exhaust(d);
	else
		delivery_end(d, e->live ? END_RETRY : END_WAIT, delay);
}

static void lane_slow_down(struct lane *l, enum exchange_class class, int64_t retry_after_ms)
{
	const struct pace_limits limits = lane_limits(l);
	int64_t now = clock_mono_ms();

	if (class == CLASS_RATE_LIMITED) {
		pace_limited(&l->pace, retry_after_ms, now);
	} else if (pace_failed(&l->pace, &limits, now)) {
		log_info("endpoint is left alone for a while", LOG_I("endpoint_id", l->endpoint->row.id),
			LOG_I("partition", l->partition->number), LOG_I("failures", l->pace.failures));
		lane_fall_behind(l);
	}
}

static void error_describe(struct delivery *d, const struct exchange_result *r, enum exchange_class class)
{
	if (r->status)
		snprintf(d->code, sizeof(d->code), "%d", r->status);
	if (r->failure == EXCHANGE_ANSWERED)
		snprintf(d->error, sizeof(d->error), "HTTP %d", r->status);
	else
		snprintf(d->error, sizeof(d->error), "%s: %s", exchange_class_word(class), r->detail);
}

/* As if not begun: it counts neither as an attempt nor against the endpoint. */
static void delivery_aborted(struct delivery *d)
{
	chain_give_back(d->chain);
	d->attempted = false;
	d->error[0] = d->code[0] = '\0';
	delivery_end(d, END_RETRY, d->lane->partition->d->draining ? 0 : ABORTED_MS);
}

static void attempt_ended(struct delivery *d, const struct exchange_result *r)
{
	enum exchange_class class = exchange_classify(r);

	d->attempted = true;
	error_describe(d, r, class);
	stats_attempt(class, r, d->retries > 0);
	if (d->lane->endpoint->sink->attempted)
		d->lane->endpoint->sink->attempted(class);
	settlement_add_attempt(d->lane->partition->d->filling, d, class, r);
	switch (verdict_of(class, d->lane->endpoint->row.lenient)) {
	case VERDICT_DELIVERED:
		pace_succeeded(&d->lane->pace);
		lane_succeeded(d->lane);
		if (d->retries == 0)
			stats_delivered(clock_now_ms() - d->event->timestamp_ms);
		delivery_end(d, END_DELIVERED, 0);
		break;
	case VERDICT_RETRY:
		delivery_failed(d, r, false);
		lane_slow_down(d->lane, class, r->retry_after_ms);
		break;
	case VERDICT_QUICK_RETRY: /* it answers, whatever it thinks of this one */
		pace_succeeded(&d->lane->pace);
		delivery_failed(d, r, true);
		break;
	case VERDICT_GONE:
		chain_give_back(d->chain);
		delivery_end(d, END_WAIT, RETRY_WAITS);
		dispatcher_disable(d->lane->partition->d, d->lane, "it answered 410 Gone", 0);
		break;
	case VERDICT_AGAIN: /* not the endpoint's failure */
		delivery_aborted(d);
		break;
	}
}

static void delivery_done(void *ctx, const struct exchange_result *r)
{
	struct delivery *d = ctx;
	struct lane *l = d->lane;
	struct chain *c = d->chain;

	d->parcel = NULL;
	if (!l) { /* nobody's any more */
		d->state = DELIVERY_ENDED;
		if (!d->row_coming)
			delivery_free(d);
		return;
	}
	TAILQ_REMOVE(&l->partition->d->flying, d, in_list);
	fair_queue_release(&l->partition->d->queue, &l->endpoint->workspace->tenant);
	l->flying--;
	(void)failpoint("delivery_done");
	attempt_ended(d, r);
	c->busy = false;
	chain_settle(c);
	dispatcher_pump(l->partition->d);
}

/* Behind for a while, or long in the retry queue. */
static bool is_late(const struct delivery *d)
{
	const struct sink *sink = d->lane->endpoint->sink;

	return sink->is_late && sink->is_late(d->event->timestamp_ms, clock_now_ms());
}

static void delivery_skip(struct delivery *d)
{
	struct chain *c = d->chain;

	d->lane->endpoint->sink->late();
	feed_passed(d->feed, d);
	delivery_end(d, END_ABANDONED, 0);
	c->busy = false;
	chain_settle(c);
}

static void delivery_send(struct delivery *d)
{
	struct dispatcher *all = d->lane->partition->d;
	struct sink_request *made = &all->request;
	const struct endpoint *e = d->lane->endpoint;
	const struct consignee to = { (uint64_t)e->row.id, (uint64_t)e->row.workspace_id, &e->host };
	struct send_request request = { .timeout_ms = e->row.timeout_ms, .done = delivery_done, .ctx = d };

	if (e->misconfigured) {
		request.url = e->url;
		sender_pool_refuse(all->senders, &request, e->misconfigured, &d->parcel);
		return;
	}
	sink_request_make(made, e, d->event, clock_now_ms());
	request.url = made->url;
	request.headers = made->headers;
	request.body = made->body;
	sender_pool_send(all->senders, &to, &request, &d->parcel);
}

void delivery_begin(struct delivery *d)
{
	const struct pace_limits limits = lane_limits(d->lane);
	struct dispatcher *all = d->lane->partition->d;

	if (is_late(d)) {
		delivery_skip(d);
		return;
	}
	d->state = DELIVERY_FLYING;
	d->begun_mono_ms = clock_mono_ms();
	TAILQ_INSERT_TAIL(&all->flying, d, in_list);
	fair_queue_acquire(&all->queue, &d->lane->endpoint->workspace->tenant);
	d->lane->flying++;
	pace_begun(&d->lane->pace, &limits, d->begun_mono_ms);
	feed_passed(d->feed, d);
	(void)failpoint("delivery_begin");
	delivery_send(d);
	lane_wake(d->lane);
}
