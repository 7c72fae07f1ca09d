/* Rate and circuit breaker of one destination; see pace.h. Invariant: a learned rate recovers with time alone, and an
 * open breaker always gets to a probe. */
#include "pacing/pace.h"

#define LIMITED_PAUSE_MS     1000
#define LIMITED_PAUSE_MAX_MS 86400000
#define SLOWEST              1.0   /* requests per second */
#define RECOVERY             1.1 /* factor of the learned rate, per second */
#define FORGOTTEN            10.0 /* times the rate at which it was limited: the learned rate is dropped */

static void rate_recover(struct pace *p, int64_t now_ms)
{
	for (; p->rate > 0 && now_ms - p->rate_at >= 1000; p->rate_at += 1000) {
		p->rate *= RECOVERY;
		if (p->rate > FORGOTTEN * p->was)
			p->rate = 0;
	}
}

/* The burst is at most the requests of one second. */
static struct rate rate_now(struct pace *p, const struct pace_limits *l, int64_t now_ms)
{
	double per_s;

	rate_recover(p, now_ms);
	per_s = p->rate > 0 && (l->rate == 0 || p->rate < l->rate) ? p->rate : l->rate;
	return (struct rate){ per_s, per_s > 1 ? per_s : 1 };
}

int32_t pace_room(struct pace *p, const struct pace_limits *l, int32_t in_flight, int64_t now_ms, int64_t *again_ms)
{
	int32_t most = p->pause_ms > 0 ? 1 : l->max_in_flight, room = most - in_flight;
	struct rate rate;
	int64_t wait_ms;
	double tokens;

	*again_ms = INT64_MAX;
	if (room <= 0)
		return 0;
	if (now_ms < p->paused_until) {
		*again_ms = p->paused_until;
		return 0;
	}
	rate = rate_now(p, l, now_ms);
	wait_ms = bucket_wait_ms(&p->bucket, rate, 1, now_ms);
	if (wait_ms > 0) {
		*again_ms = now_ms + wait_ms;
		return 0;
	}
	tokens = bucket_level(&p->bucket, rate, now_ms);
	return tokens < room ? (int32_t)tokens : room;
}

void pace_begun(struct pace *p, const struct pace_limits *l, int64_t now_ms)
{
	if (now_ms - p->second >= 1000) {
		p->begun_before = now_ms - p->second < 2000 ? p->begun : 0;
		p->begun = 0;
		p->second = now_ms;
	}
	p->begun++;
	bucket_charge(&p->bucket, rate_now(p, l, now_ms), 1, now_ms);
}

void pace_succeeded(struct pace *p)
{
	p->failures = 0;
	p->pause_ms = 0;
}

bool pace_failed(struct pace *p, const struct pace_limits *l, int64_t now_ms)
{
	bool opens = p->pause_ms == 0 && ++p->failures >= l->breaker_failures;

	if (opens)
		p->pause_ms = l->breaker_min_ms;
	else if (p->pause_ms > 0 && now_ms >= p->paused_until)
		p->pause_ms = p->pause_ms * 2 < l->breaker_max_ms ? p->pause_ms * 2 : l->breaker_max_ms;
	if (p->pause_ms > 0 && now_ms >= p->paused_until)
		p->paused_until = now_ms + p->pause_ms;
	return opens;
}

void pace_limited(struct pace *p, int64_t retry_after_ms, int64_t now_ms)
{
	int64_t pause = retry_after_ms < 0 ? LIMITED_PAUSE_MS : retry_after_ms;
	int32_t begun = p->begun > p->begun_before ? p->begun : p->begun_before;

	if (pause > LIMITED_PAUSE_MAX_MS)
		pause = LIMITED_PAUSE_MAX_MS;
	/* Requests that were in flight when the rate was halved do not halve it again. */
	if (now_ms < p->paused_until) {
		if (now_ms + pause > p->paused_until)
			p->paused_until = now_ms + pause;
		return;
	}
	p->paused_until = now_ms + pause;
	if (p->rate == 0)
		p->was = p->rate = begun > SLOWEST ? begun : SLOWEST;
	p->rate = p->rate / 2 > SLOWEST ? p->rate / 2 : SLOWEST;
	p->rate_at = now_ms;
	p->bucket = (struct bucket){ .tokens = 0, .at_ms = now_ms };
}

bool pace_is_paused(const struct pace *p, int64_t now_ms)
{
	return now_ms < p->paused_until;
}

bool pace_is_open(const struct pace *p)
{
	return p->pause_ms > 0;
}
