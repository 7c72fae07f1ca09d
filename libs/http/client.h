/* A blocking HTTP client for tools, on libcurl: one request, one deadline, environment proxies ignored, no redirects,
 * response capped. Services that deliver over HTTP use a multi handle on their loop instead. */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "base/buf.h"
#include "base/err.h"

struct http_client;

struct http_call {
	const char *method;
	const char *url;
	const char *const *headers; /* "Name: value", ended by NULL */
	struct str body;
	int timeout_ms;            /* whole exchange; 0: 15 s */
	size_t max_response_bytes; /* 0: 1 MiB */
};

int http_client_open(struct http_client **out, struct err *err) ERR_MUST_USE; /* keeps connections alive */
void http_client_close(struct http_client **c);
/* Fills *status and appends the body to response. ERR_RETRY when nothing was exchanged, ERR_INPUT for a bad URL, ERR_FATAL when
 * it is not known what the other side did (a deadline, a broken connection, a response beyond the limit). */
int http_client_call(struct http_client *c, const struct http_call *call, int *status, struct buf *response,
	struct err *err) ERR_MUST_USE;

#endif
