/* A blocking HTTP client for tools, on libcurl: one request at a time, one deadline, no proxies from the environment,
 * no redirects, a size limit on the response. Services that deliver over HTTP use sender.h on their event loop
 * instead. */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "base/buf.h"
#include "base/err.h"

struct http_client;

struct http_call {
	const char *method;
	const char *url;
	const char *const *headers; /* "Name: value", NULL-terminated */
	struct str body;
	int timeout_ms;            /* for the whole exchange; 0: 15 s */
	size_t max_response_bytes; /* 0: 1 MiB */
};

int http_client_open(struct http_client **out, struct err *err) ERR_MUST_USE; /* ERR_FATAL */
void http_client_close(struct http_client **c);
/* Fills *status and appends the response's body to `response`. ERR_RETRY when the request cannot have reached the
 * server, ERR_INPUT for a bad URL, ERR_FATAL when the outcome is unknown (a deadline, a broken connection, a response
 * above the limit). */
int http_client_call(struct http_client *c, const struct http_call *call, int *status, struct buf *response,
	struct err *err) ERR_MUST_USE;

#endif
