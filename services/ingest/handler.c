/* The callbacks of libs/http: the header is complete, the body is growing, the body is complete, the client is gone.
 * Requests that can be rejected or refused without their body are answered here.
 *
 *   header ─► handler_admit: 404, 405, 415, 429 or 503 ─► body ─► handler_grow: 503 ─► handler_handle ─► pipeline.c
 *
 * Invariant: every byte of a body is counted before it is kept, for its source until the request is authenticated. */
#include "ingest/handler.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "ingest/pipeline/pipeline.h"
#include "ingest/requests/answers.h"
#include "ingest/stats.h"

#define SOURCE_PART 8
#define SMALL_BYTES ((size_t)64 * 1024)
#define OK_KEEPS_MS 60000 /* for this long after a success, failures of the source do not get it refused */

static struct http_admission reject(struct ingest *in, struct http_request *r, const struct route *route, int status,
	const char *header, const char *value)
{
	const struct http_extra_header headers[] = { { "Connection", "close" }, { header, value } };

	buf_clear(&in->answer);
	answer_error(&in->answer, answer_word(status));
	stats_request(route, status);
	http_respond(r, status, "application/json", buf_str(&in->answer), headers, header ? 2 : 1);
	return (struct http_admission){ .refuse_status = status };
}

/* Logs at most one line per second and reason: the first of many is representative. */
static struct http_admission refuse(struct ingest *in, struct http_request *r, const struct route *route, int status,
	enum refusal why, int64_t wait_ms)
{
	struct log_limit *line = &limiter_entry(in->lines, str_of(refusal_words[why]))->log;
	uint64_t suppressed;
	char seconds[24];

	snprintf(seconds, sizeof(seconds), "%lld", (long long)answer_retry_after_s(wait_ms));
	stats_refused(why);
	if (log_limit_pass(line, clock_mono_ms(), &suppressed))
		log_warn("request refused", LOG_S("route", route->name), LOG_I("status", status),
			LOG_S("reason", refusal_words[why]), LOG_STR("peer", http_peer(r)),
			LOG_I("suppressed", suppressed));
	return reject(in, r, route, status, "Retry-After", seconds);
}

/* Requests of a source that only fails to authenticate are refused before their bodies are read. A source with a recent
 * success (Meta, a proxy that is not trusted) is exempt: else one client could block others behind the same address. */
static int64_t source_wait_ms(struct ingest *in, struct str key)
{
	const double per_minute = (double)in->settings->limits_failures_per_minute;
	const struct limiter_entry *success = limiter_find(in->successes, key), *failures;
	int64_t now = clock_mono_ms();

	if (success && now - success->last_ok_ms < OK_KEEPS_MS)
		return 0;
	failures = limiter_find(in->failures, key);
	return failures ? bucket_wait_ms(&failures->bucket, (struct rate){ per_minute / 60, per_minute }, 1, now) : 0;
}

/* The limit of connections per address also limits a source's unauthenticated requests, because behind a proxy its
 * connections cannot be counted. */
static bool source_has_its_share(const struct ingest *in, struct str key)
{
	size_t most = (size_t)in->settings->http_max_connections_per_address;

	return most > 0 && sources_look(in->sources, key).requests >= most;
}

/* Whether to refuse the request, why, and after how long the client may retry. */
static bool is_refused(struct ingest *in, struct str source, enum refusal *why, int64_t *wait_ms)
{
	*why = REFUSED_FAILURES;
	*wait_ms = source_wait_ms(in, source);
	if (*wait_ms > 0)
		return true;
	*wait_ms = 1000;
	*why = account_cache_loaded(in->account_cache) ? REFUSED_SOURCE_SHARE : REFUSED_NOT_LOADED;
	return *why == REFUSED_NOT_LOADED || source_has_its_share(in, source);
}

/* Uses the values of all X-Forwarded-For lines, because the client may have sent the first ones itself. */
static size_t source_of(struct ingest *in, const struct http_request *r, uint8_t key[static 16])
{
	struct buf forwarded = BUF_INIT;
	size_t n;

	if (handler_exempt(in, http_peer(r)))
		http_header_join(r, "X-Forwarded-For", &forwarded);
	n = address_key(proxies_source(in->proxies, http_peer(r), buf_str(&forwarded)), key);
	buf_fini(&forwarded);
	return n;
}

static struct http_admission admit(struct ingest *in, struct http_request *r, const struct route *route,
	const struct uuid *target)
{
	bool has_body = str_is(http_method(r), "POST");
	uint8_t key[16];
	struct str source = { (const char *)key, source_of(in, r, key) };
	enum refusal why;
	int64_t wait_ms;

	if (is_refused(in, source, &why, &wait_ms))
		return refuse(in, r, route, why == REFUSED_FAILURES ? 429 : 503, why, wait_ms);
	request_new(in, r, route, target, source);
	return (struct http_admission){ .max_body_bytes = has_body ? route->max_body_bytes : 0 };
}

bool handler_exempt(void *ctx, struct str peer)
{
	const struct ingest *in = ctx;
	uint8_t address[IP_BYTES];

	return ip_parse(peer, address) && networks_have(in->proxies, address);
}

/* The unauthenticated requests of a source may hold an eighth of limits.bytes_in_flight, or one body of any size. Small
 * bodies are exempt, so that a large body does not block those of other clients behind the same address. */
int handler_grow(void *ctx, struct http_request *r, size_t n)
{
	struct ingest *in = ctx;
	struct request *req = http_user(r);
	const struct source *s = req->source;
	size_t share = (size_t)in->settings->limits_bytes_in_flight / SOURCE_PART;
	enum refusal why = REFUSED_SOURCE_SHARE;

	if (s->bytes + n <= share || s->bytes == req->body_bytes || req->body_bytes + n <= SMALL_BYTES) {
		why = REFUSED_ROOM;
		if (request_make_room(in, req, n)) {
			request_grow(req, n);
			return 0;
		}
	}
	request_refuse(req, 503, why, 1);
	return 503;
}

struct http_admission handler_admit(void *ctx, struct http_request *r)
{
	struct ingest *in = ctx;
	struct uuid target;
	const struct route *route = route_find(http_path(r), &target);

	if (!route)
		return reject(in, r, NULL, 404, NULL, NULL);
	if (!route_allows(route, http_method(r)))
		return reject(in, r, route, 405, "Allow", route_allow(route));
	if (str_is(http_method(r), "POST") && !content_type_fits(http_header(r, "Content-Type")))
		return reject(in, r, route, 415, NULL, NULL);
	return admit(in, r, route, &target);
}

void handler_handle(void *ctx, struct http_request *r)
{
	struct request *req = http_user(r);

	(void)ctx;
	request_begin(req);
	pipeline_start(req);
}

void handler_gone(void *ctx, struct http_request *r)
{
	(void)ctx;
	request_detach(http_user(r));
}
