/* What libs/http calls: the header is complete, the body is complete, the client is gone. Here is refused what needs no body
 * to be refused. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "ingest/answers.h"
#include "ingest/request.h"
#include "ingest/stats.h"

#define OK_KEEPS_MS 60000 /* how long a source that did well is heard out, though others behind it fail */

static struct http_admission refuse(struct ingest *in, struct http_request *r, const struct route *route, int status,
	const char *header, const char *value)
{
	const struct http_extra_header headers[] = { { "Connection", "close" }, { header, value } };

	buf_clear(&in->answer);
	answer_error(&in->answer, answer_word(status));
	stats_request(route, status);
	http_respond(r, status, "application/json", buf_str(&in->answer), headers, header ? 2 : 1);
	return (struct http_admission){ .refuse_status = status };
}

static struct http_admission refuse_for_now(struct ingest *in, struct http_request *r, const struct route *route,
	int status, int64_t wait_ms)
{
	char seconds[24];

	snprintf(seconds, sizeof(seconds), "%lld", (long long)(wait_ms + 999) / 1000);
	return refuse(in, r, route, status, "Retry-After", seconds);
}

/* A source that only fails is refused before its body is read. One that also does well (Meta, a proxy that is not ours) is
 * not: there each failure is answered by itself, and nobody is locked out by his neighbours. */
static int64_t source_wait_ms(struct ingest *in, struct str key)
{
	const double per_minute = (double)in->settings->limits_failures_per_minute;
	struct bucket *b = limiter_find(in->failures, key);
	int64_t now = clock_mono_ms();

	if (!b || (b->last_ok_ms > 0 && now - b->last_ok_ms < OK_KEEPS_MS))
		return 0;
	return bucket_wait_ms(b, (struct rate){ per_minute / 60, per_minute }, 1, now);
}

/* What the body may take of our memory: announced, or anything up to the limit. */
static size_t body_bytes(const struct http_request *r, const struct route *route)
{
	int64_t announced;

	if (!str_is(http_method(r), "POST"))
		return 0;
	if (!str_to_i64(http_header(r, "Content-Length"), &announced) || announced < 0)
		return route->max_body_bytes;
	return (size_t)announced;
}

/* The status to refuse with and how long to wait before the next try; 0: let it on. */
static int refusal_for_now(struct ingest *in, struct str source, size_t bytes, int64_t *wait_ms)
{
	*wait_ms = source_wait_ms(in, source);
	if (*wait_ms > 0)
		return 429;
	*wait_ms = 1000;
	if (!directory_loaded(in->directory) ||
		in->bytes_in_flight + bytes > (size_t)in->settings->limits_bytes_in_flight)
		return 503;
	return 0;
}

static struct http_admission let_on(struct ingest *in, struct http_request *r, const struct route *route,
	const struct uuid *target)
{
	struct str source = proxies_source(in->proxies, http_peer(r), http_header(r, "X-Forwarded-For"));
	size_t bytes = body_bytes(r, route), key_n;
	struct request *req;
	uint8_t key[16];
	int64_t wait_ms;
	int status;

	if (bytes > route->max_body_bytes)
		return refuse(in, r, route, 413, NULL, NULL);
	key_n = address_key(source, key);
	status = refusal_for_now(in, (struct str){ (const char *)key, key_n }, bytes, &wait_ms);
	if (status)
		return refuse_for_now(in, r, route, status, wait_ms);
	req = request_new(in, r, route, target, bytes);
	memcpy(req->source_key, key, key_n);
	req->source_key_n = key_n;
	return (struct http_admission){ .max_body_bytes = bytes > 0 ? route->max_body_bytes : 0 };
}

struct http_admission handler_admit(void *ctx, struct http_request *r)
{
	struct ingest *in = ctx;
	struct uuid target;
	const struct route *route = route_find(http_path(r), &target);

	if (!route)
		return refuse(in, r, NULL, 404, NULL, NULL);
	if (!route_allows(route, http_method(r)))
		return refuse(in, r, route, 405, "Allow", route_allow(route));
	if (str_is(http_method(r), "POST") && !content_type_fits(http_header(r, "Content-Type")))
		return refuse(in, r, route, 415, NULL, NULL);
	return let_on(in, r, route, &target);
}

void handler_handle(void *ctx, struct http_request *r)
{
	struct request *req = http_user(r);

	(void)ctx;
	request_begin(req);
	flow_run(req);
}

void handler_gone(void *ctx, struct http_request *r)
{
	(void)ctx;
	request_leave(http_user(r));
}
