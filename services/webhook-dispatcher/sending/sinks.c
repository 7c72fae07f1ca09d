/* See sinks.h. Invariant: every kind of endpoint has a row; the compiler does not check it. */
#include "webhook-dispatcher/sending/sinks.h"

#include <assert.h>

const struct sink *const sinks[] = {
	[ENDPOINT_HTTP] = &sink_webhook,
	[ENDPOINT_PUSHER] = &sink_pusher,
};

/* The sink's headers come first, the endpoint's own last. */
void sink_request_make(struct sink_request *r, const struct endpoint *to, const struct event *e, int64_t now_ms)
{
	assert(to->secrets); /* otherwise the endpoint would not be live */
	r->url = to->url;
	r->body = buf_str(&e->body);
	r->n_headers = 0;
	to->sink->prepare(to, e, now_ms, r);
	r->headers[r->n_headers++] = "content-type: application/json";
	if (e->traceparent[0])
		r->headers[r->n_headers++] = e->traceparent;
	for (size_t i = 0; to->headers[i] && i < HEADERS_MAX; i++)
		r->headers[r->n_headers++] = to->headers[i];
	r->headers[r->n_headers] = NULL;
}

void sink_request_fini(struct sink_request *r)
{
	buf_fini(&r->header_text);
	buf_fini(&r->url_text);
	buf_fini(&r->body_text);
}
