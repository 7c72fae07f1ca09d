/* Deadlines of connections. All connections in a phase have the same timeout, so a list in order of entry is also in
 * order of deadline, and its head expires next.
 *
 * Invariant: the timer is set to the earliest deadline or to an earlier time. When that deadline is cancelled the timer
 * stays; it is set anew only when it fires, so a busy server rarely touches it.
 */
#include "http/server_private.h"

#include "base/clock.h"
#include "base/log.h"

int phase_timeout_ms(const struct http_server *s, enum http_phase phase)
{
	switch (phase) {
	case PHASE_HEADER:
		return s->options.header_timeout_ms;
	case PHASE_BODY:
		return s->options.body_timeout_ms;
	case PHASE_SEND:
	case PHASE_IDLE:
		return s->options.idle_timeout_ms;
	case PHASE_OWNER:
	case PHASE_CLOSING:
	case PHASES:
		break;
	}
	return 0;
}

static void expiry_set(struct http_server *s, int64_t at_mono_ms, int64_t now_mono_ms)
{
	if (at_mono_ms >= s->expiry_mono_ms)
		return;
	s->expiry_mono_ms = at_mono_ms;
	loop_timer_set(s->expiry, at_mono_ms > now_mono_ms ? at_mono_ms - now_mono_ms : 0);
}

void phase_leave(struct http_request *r)
{
	r->server->closing -= r->phase == PHASE_CLOSING;
	TAILQ_REMOVE(&r->server->phases[r->phase], r, link);
}

void phase_enter(struct http_request *r, enum http_phase phase)
{
	int timeout_ms = phase_timeout_ms(r->server, phase);
	int64_t now_mono_ms = timeout_ms ? clock_mono_ms() : 0;

	r->phase = phase;
	r->server->closing += phase == PHASE_CLOSING;
	r->deadline_mono_ms = timeout_ms ? now_mono_ms + timeout_ms : 0;
	TAILQ_INSERT_TAIL(&r->server->phases[phase], r, link);
	if (timeout_ms)
		expiry_set(r->server, r->deadline_mono_ms, now_mono_ms);
}

void phase_change(struct http_request *r, enum http_phase phase)
{
	if (r->phase == PHASE_CLOSING)
		return;
	phase_leave(r);
	phase_enter(r, phase);
}

static void request_expire(struct http_request *r)
{
	static const char *const names[] = { "header", "body", "owner", "send", "idle", "closing" };

	log_debug("http connection timed out", LOG_S("phase", names[r->phase]), LOG_S("peer", r->peer));
	request_close(r);
}

void deadlines_expire(void *server)
{
	struct http_server *s = server;
	int64_t now_mono_ms = clock_mono_ms();

	s->expiry_mono_ms = INT64_MAX;
	for (enum http_phase phase = 0; phase < PHASES; phase++) {
		struct http_request *r;

		if (phase_timeout_ms(s, phase) == 0)
			continue;
		while ((r = TAILQ_FIRST(&s->phases[phase])) && r->deadline_mono_ms <= now_mono_ms)
			request_expire(r);
		if (r)
			expiry_set(s, r->deadline_mono_ms, now_mono_ms);
	}
}
