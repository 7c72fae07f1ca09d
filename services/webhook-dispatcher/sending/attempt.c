/* See attempt.h. Invariant: a request's result is applied once, and only while this replica owns its partition. */
#include "webhook-dispatcher/sending/attempt.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/rng.h"
#include "webhook-dispatcher/lanes/delivery.h"
#include "webhook-dispatcher/lanes/result.h"
#include "webhook-dispatcher/lanes/send_queue.h"
#include "webhook-dispatcher/sending/sinks.h"
#include "webhook-dispatcher/stats.h"

static void error_describe(struct delivery *d, const struct exchange_result *r, enum exchange_class class)
{
	if (r->status)
		snprintf(d->code, sizeof(d->code), "%d", r->status);
	if (r->failure == EXCHANGE_ANSWERED)
		snprintf(d->error, sizeof(d->error), "HTTP %d", r->status);
	else
		snprintf(d->error, sizeof(d->error), "%s: %s", exchange_class_word(class), r->detail);
}

static int32_t phase_us(int64_t us)
{
	return us > INT32_MAX ? INT32_MAX : (int32_t)us;
}

static void attempt_note(struct sending *s, const struct delivery *d, enum exchange_class class,
	const struct exchange_result *r)
{
	const struct attempt_row row = {
		.workspace_id = d->lane->endpoint->row.workspace_id,
		.endpoint_id = d->lane->endpoint->row.id,
		.event_id = d->event->id,
		.event_type = str_of(d->event->type),
		.message_id = d->event->message_id,
		.attempt = d->retries + 1,
		.outcome = exchange_class_word(class),
		.status = r->status,
		.at_us = clock_now_us() - (r->total_us > 0 ? r->total_us : 0),
		.dns_us = phase_us(r->dns_us),
		.connect_us = phase_us(r->connect_us),
		.tls_us = phase_us(r->tls_us),
		.first_byte_us = phase_us(r->first_byte_us),
		.total_us = phase_us(r->total_us),
		.excerpt = r->body,
		.error = r->failure == EXCHANGE_ANSWERED ? STR_NONE : str_of(r->detail),
	};

	journal_add_attempt(s->lanes->journal, &row);
}

static void attempt_count(const struct delivery *d, enum exchange_class class, const struct exchange_result *r)
{
	stats_attempt(class, r, d->retries > 0);
	if (d->lane->endpoint->sink->attempted)
		d->lane->endpoint->sink->attempted(class);
	if (class == CLASS_SUCCESS && d->retries == 0)
		stats_delivered(clock_now_ms() - d->event->timestamp_ms);
}

static void attempt_ended(struct sending *s, struct delivery *d, const struct exchange_result *r)
{
	const struct result result = { .class = exchange_classify(r),
		.retry_after_ms = r->retry_after_ms,
		.now_mono_ms = clock_mono_ms(),
		.now_us = clock_now_us(),
		.random = rng_unit() };
	struct endpoint *e = d->lane->endpoint;

	error_describe(d, r, result.class);
	attempt_count(d, result.class, r);
	attempt_note(s, d, result.class, r);
	if (result_apply(d, &result))
		endpoint_cache_disable(s->endpoints, e);
}

static void attempt_done(void *ctx, const struct exchange_result *r)
{
	struct delivery *d = ctx;
	struct sending *s = d->sending;
	struct chain *c = d->chain;

	d->request = NULL;
	if (!d->lane) { /* the partition was revoked while the request was in flight */
		d->state = DELIVERY_ENDED;
		if (!d->row_coming)
			delivery_free(d);
		return;
	}
	send_queue_end(d);
	(void)failpoint("delivery_done");
	attempt_ended(s, d, r);
	send_queue_done(c, clock_mono_ms());
	s->ended(s->ctx);
}

/* Whether the event is too old for its sink: its lane was catching up, or the delivery was in the retry queue for long. */
static bool is_late(const struct delivery *d)
{
	const struct sink *sink = d->lane->endpoint->sink;

	return sink->is_late && sink->is_late(d->event->timestamp_ms, clock_now_ms());
}

static void request_send(struct sending *s, struct delivery *d)
{
	const struct endpoint *e = d->lane->endpoint;
	const struct send_target to = { (uint64_t)e->row.id, (uint64_t)e->row.workspace_id, &e->host };
	struct send_request request = { .timeout_ms = e->row.timeout_ms, .done = attempt_done, .ctx = d };

	if (e->misconfigured) {
		request.url = e->url;
		sender_pool_refuse(s->pool, &request, e->misconfigured, &d->request);
		return;
	}
	sink_request_make(&s->request, e, d->event, clock_now_ms());
	request.url = s->request.url;
	request.headers = s->request.headers;
	request.body = s->request.body;
	sender_pool_send(s->pool, &to, &request, &d->request);
}

void attempt_begin(struct sending *s, struct delivery *d)
{
	if (is_late(d)) {
		d->lane->endpoint->sink->late();
		send_queue_skip(d, clock_mono_ms());
		return;
	}
	d->sending = s;
	send_queue_begin(d, clock_mono_ms());
	(void)failpoint("delivery_begin");
	request_send(s, d);
}

void attempts_abort(struct sending *s)
{
	struct delivery *d;

	while ((d = TAILQ_FIRST(&s->lanes->in_flight))) {
		TAILQ_REMOVE(&s->lanes->in_flight, d, in_list);
		delivery_detach(d);
		sender_pool_abort(s->pool, d->request);
	}
}
