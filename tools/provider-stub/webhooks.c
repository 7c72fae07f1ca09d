/* See webhooks.h.
 *
 *   webhooks_add() ──► agenda ──► ready ──► in flight ──► 2xx: freed
 *                        ▲                      │
 *                        └───── retried ◄───────┘
 *
 * Invariant: a post is in exactly one of these places; `waiting` counts all of them. */
#include "webhooks.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/log_limit.h"
#include "crypto/ids.h"
#include "http/sender.h"

#define RETRY_STEP_MS 250 /* the first retry; it doubles */
#define RETRY_MAX_MS  5000
#define HEADERS_MAX   4 /* of a signature */

struct post {
	struct agenda_item item;
	STAILQ_ENTRY(post) link; /* in `ready` */
	struct webhooks *webhooks;
	const struct session *session;
	char id[37]; /* of Standard Webhooks; the same at each retry */
	struct buf body, headers;
	const char *lines[HEADERS_MAX + 2];
	int64_t first_mono_ms, delay_ms;
};

struct webhooks {
	struct agenda *agenda;
	struct guard *guard;
	struct sender *sender;
	const struct stub_settings *settings;
	STAILQ_HEAD(, post) ready;
	struct webhooks_stats stats;
	struct log_limit refused;
	bool closing;
};

static void post_free(struct post *p)
{
	p->webhooks->stats.waiting--;
	buf_fini(&p->body);
	buf_fini(&p->headers);
	free(p);
}

static void post_drop(struct agenda_item *item)
{
	post_free((struct post *)item);
}

static void headers_make(struct post *p)
{
	size_t n = 0;

	buf_clear(&p->headers);
	p->lines[n++] = "content-type: application/json";
	stub_dialect(p->session->provider)->sign(p->session, p->id, clock_now_ms(), buf_str(&p->body), &p->headers);
	for (size_t at = 0; at < p->headers.n && n <= HEADERS_MAX; at += str_of(p->headers.p + at).n + 1)
		p->lines[n++] = p->headers.p + at;
	p->lines[n] = NULL;
}

static void start_ready(struct webhooks *w);

static void retry(struct post *p)
{
	struct webhooks *w = p->webhooks;

	p->delay_ms = p->delay_ms ? 2 * p->delay_ms : RETRY_STEP_MS;
	if (p->delay_ms > RETRY_MAX_MS)
		p->delay_ms = RETRY_MAX_MS;
	w->stats.retried++;
	agenda_add(w->agenda, &p->item, p->delay_ms);
}

static void refusal_log(struct post *p, const struct exchange_result *result)
{
	uint64_t suppressed;

	if (log_limit_pass(&p->webhooks->refused, clock_mono_ms(), &suppressed))
		log_warn("post refused", LOG_I("status", result->status), LOG_S("detail", result->detail),
			LOG_S("provider", stub_provider_word(p->session->provider)), LOG_I("suppressed", suppressed));
}

static void done(void *ctx, const struct exchange_result *result)
{
	struct post *p = ctx;
	struct webhooks *w = p->webhooks;
	bool ok = result->failure == EXCHANGE_ANSWERED && result->status / 100 == 2;

	if (!ok)
		refusal_log(p, result);
	if (!ok && !w->closing && clock_mono_ms() - p->first_mono_ms < w->settings->webhook_retry_ms) {
		retry(p);
	} else {
		ok ? w->stats.posted++ : w->stats.failed++;
		post_free(p);
	}
	if (!w->closing)
		start_ready(w);
}

static void start(struct post *p)
{
	const struct stub_settings *o = p->webhooks->settings;

	headers_make(p);
	sender_send(p->webhooks->sender,
		&(struct send_request){
			.url = p->session->webhook_url ? p->session->webhook_url : "",
			.method = HTTP_POST,
			.headers = p->lines,
			.body = buf_str(&p->body),
			.timeout_ms = (int)o->webhook_timeout_ms,
			.max_idle_ms = 5000,
			.done = done,
			.ctx = p,
		},
		NULL);
}

static void start_ready(struct webhooks *w)
{
	while (!STAILQ_EMPTY(&w->ready) && sender_in_flight(w->sender) < (size_t)w->settings->webhook_in_flight) {
		struct post *p = STAILQ_FIRST(&w->ready);

		STAILQ_REMOVE_HEAD(&w->ready, link);
		start(p);
	}
}

static void post_due(struct agenda_item *item)
{
	struct post *p = (struct post *)item;

	STAILQ_INSERT_TAIL(&p->webhooks->ready, p, link);
	start_ready(p->webhooks);
}

int webhooks_open(struct webhooks **out, struct loop *loop, struct agenda *agenda, const struct stub_settings *o,
	struct err *err)
{
	struct webhooks *w = mem_calloc(1, sizeof(*w));
	struct sender_options options = {
		.loop = loop,
		.max_connections = (int)o->webhook_in_flight,
		.user_agent = "provider-stub",
		.ca_file = o->webhook_ca_file,
	};

	w->agenda = agenda;
	w->settings = o;
	STAILQ_INIT(&w->ready);
	if (guard_new_listed(&w->guard, o->webhook_networks, true, err) < 0)
		goto failed;
	options.guard = w->guard;
	if (sender_open(&w->sender, &options, err) < 0)
		goto failed;
	*out = w;
	return 0;
failed:
	webhooks_close(&w);
	return -1;
}

void webhooks_close(struct webhooks **closed)
{
	struct webhooks *w = *closed;

	*closed = NULL;
	if (!w)
		return;
	w->closing = true;
	if (w->sender)
		sender_close(&w->sender);
	while (!STAILQ_EMPTY(&w->ready)) {
		struct post *p = STAILQ_FIRST(&w->ready);

		STAILQ_REMOVE_HEAD(&w->ready, link);
		post_free(p);
	}
	guard_free(w->guard);
	free(w);
}

static struct post *post_new(struct webhooks *w, const struct session *s, int64_t delay_ms)
{
	struct post *p = mem_calloc(1, sizeof(*p));
	struct uuid id;

	uuid_v4(&id);
	uuid_format(&id, p->id);
	p->item.run = post_due;
	p->item.drop = post_drop;
	p->webhooks = w;
	p->session = s;
	p->first_mono_ms = clock_mono_ms() + delay_ms;
	w->stats.waiting++;
	agenda_add(w->agenda, &p->item, delay_ms);
	return p;
}

static bool is_full(struct webhooks *w)
{
	bool full = w->stats.waiting >= (size_t)w->settings->webhook_queue;

	w->stats.dropped += full;
	return full;
}

static void status_add(struct webhooks *w, const struct session *s, const struct stub_sent *m,
	const struct webhook_plan *plan, size_t i)
{
	size_t place = plan->reversed ? plan->n - 1 - i : i;
	struct stub_progress progress = {
		.status = plan->statuses[i],
		.at_ms = m->at_ms + (int64_t)i * plan->step_ms,
		.failed_code = plan->failed_code,
	};

	for (int64_t n = 0; n < plan->repeat && !is_full(w); n++) {
		struct post *p = post_new(w, s, plan->delay_ms + (int64_t)place * plan->step_ms);

		stub_dialect(s->provider)->status(s, m, &progress, &p->body);
	}
}

void webhooks_add(struct webhooks *w, const struct session *s, const struct stub_sent *m,
	const struct webhook_plan *plan)
{
	const struct dialect *dialect = stub_dialect(s->provider);

	if (!s->webhook_url)
		return;
	for (int64_t n = 0; plan->echo && dialect->echo && n < plan->repeat && !is_full(w); n++)
		dialect->echo(s, m, &post_new(w, s, plan->delay_ms)->body);
	for (size_t i = 0; i < plan->n; i++)
		status_add(w, s, m, plan, i);
}

struct webhooks_stats webhooks_stats(const struct webhooks *w)
{
	return w->stats;
}
