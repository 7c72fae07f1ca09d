/* Concurrent HTTP requests, on one libcurl multi handle and the event loop.
 *
 * Keep-alive connections, HTTP/2 where TLS negotiates it, no redirects, no proxies from the environment, one deadline
 * for the whole exchange, addresses checked by a guard at connect time, responses truncated. libcurl's own retries
 * are disabled for all methods: when a connection closes after the request was passed to it, what the server did is
 * unknown. Invariant: done() is called exactly once for every send, and never inside sender_send(). */
#ifndef HTTP_SENDER_H
#define HTTP_SENDER_H

#include "http/exchange.h"
#include "http/guard.h"
#include "loop/loop.h"

#define SENDER_HEADER_BYTES   16384 /* limit of a response's headers; beyond, it is cut off and its status counts */
#define SENDER_RESPONSE_BYTES 16384 /* default limit of a response's body; the same */
#define SENDER_MIN_IDLE_MS    2000 /* minimum of max_idle_ms, as libcurl counts in seconds */

#define SENDER_RESOLVED_LINES 2

struct sender;
struct exchange;

struct sender_options {
	struct loop *loop;
	const struct guard *guard; /* borrowed; required */
	int max_connections; /* kept open, to all hosts together */
	int max_connections_per_host; /* further sends wait, within their deadline; 0: no limit */
	const char *user_agent;
	const char *ca_file; /* NULL: the system's certificates */
};

enum http_method { HTTP_POST, HTTP_GET, HTTP_PUT, HTTP_PATCH, HTTP_DELETE };

struct send_request {
	const char *url;
	enum http_method method;
	const char *const *headers; /* "Name: value", NULL-terminated; includes content-type. Borrowed until done() */
	struct str body; /* borrowed until done(); a GET has none */
	int timeout_ms; /* for the whole exchange */
	int64_t begin_by_mono_ms; /* a request not begun by then fails with EXCHANGE_TIMEOUT; 0: no such limit */
	size_t response_bytes; /* limit of the response's body; 0: SENDER_RESPONSE_BYTES */
	/* A connection that was idle for longer is closed instead of reused. A value below the server's own idle
	 * timeout avoids requests whose outcome is unknown because the server closed the connection. 0: libcurl's 118
	 * s. */
	int max_idle_ms;
	/* The host's addresses, as lines for CURLOPT_RESOLVE, NULL-terminated: libcurl connects to no others.
	 * Borrowed until done(). NULL: libcurl resolves the name itself, on a thread per lookup. */
	const char *const *resolved;
	/* Called right before the first byte is passed to a connection, in the sender's thread. False: nothing is
	 * sent, and the result is EXCHANGE_ABORTED. NULL: always true. */
	bool (*may_begin)(void *ctx);
	/* May send and abort other requests; must not close the sender. */
	void (*done)(void *ctx, const struct exchange_result *result);
	void *ctx;
};

int sender_open(struct sender **out, const struct sender_options *options, struct err *err) ERR_MUST_USE;
void sender_close(struct sender **s); /* aborts requests in flight: done() is called for each */
/* *out (out may be NULL) is valid until done(). */
void sender_send(struct sender *s, const struct send_request *request, struct exchange **out);
void sender_abort(struct sender *s, struct exchange *x); /* calls its done() with EXCHANGE_ABORTED */
size_t sender_in_flight(const struct sender *s);

#endif
