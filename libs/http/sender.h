/* Many requests at once, on one libcurl multi handle and the event loop.
 *
 * Kept alive connections, HTTP/2 where TLS negotiates it, no redirects, no proxies from the environment, one deadline for the whole
 * exchange, addresses checked by a guard when they are connected to, responses cut. libcurl's retries are refused, whatever the method: of a
 * request that was given to a connection which then ended, nobody knows what the server did. Invariant: every send is answered exactly
 * once, by done(), and never inside sender_send(). */
#ifndef HTTP_SENDER_H
#define HTTP_SENDER_H

#include "http/exchange.h"
#include "http/guard.h"
#include "loop/loop.h"

#define SENDER_HEADER_BYTES   16384 /* of an answer; then the transfer is cut, and counts by its status */
#define SENDER_RESPONSE_BYTES 16384 /* of an answer's body, unless the request says how many; the same */
#define SENDER_MIN_IDLE_MS    2000 /* what max_idle_ms must be, at least: libcurl counts in seconds */

#define SENDER_RESOLVED_LINES 2

struct sender;
struct exchange;

struct sender_options {
	struct loop *loop;
	const struct guard *guard; /* borrowed; there must be one */
	int max_connections; /* kept alive, all hosts together */
	int max_connections_per_host; /* more sends wait, within their deadline; 0: no limit */
	const char *user_agent;
	const char *ca_file; /* NULL: the system's */
};

enum http_method { HTTP_POST, HTTP_GET, HTTP_PUT, HTTP_PATCH, HTTP_DELETE };

struct send_request {
	const char *url;
	enum http_method method;
	const char *const
		*headers; /* "Name: value", ended by NULL; content-type is among them. Borrowed until done() */
	struct str body; /* borrowed until done(); a GET has none */
	int timeout_ms; /* of the whole exchange */
	int64_t begin_by_mono_ms; /* later than this no request is begun: EXCHANGE_TIMEOUT; 0: only the timeout counts */
	size_t response_bytes; /* of the answer's body that are kept; 0: SENDER_RESPONSE_BYTES */
	/* A connection that was idle for longer is not used, and closed: set below what the server keeps it, it spares requests that end
	 * unknown because their connection did. 0: libcurl's 118 s. */
	int max_idle_ms;
	/* What its host resolves to, as lines of CURLOPT_RESOLVE ended by NULL, which is all that is connected to; borrowed until done(). NULL:
	 * libcurl looks up what is to be looked up, on a thread for each. */
	const char *const *resolved;
	/* Asked right before the first byte goes to a connection; false: none does, EXCHANGE_ABORTED. NULL: true. The sender's thread. */
	bool (*may_begin)(void *ctx);
	/* May send and abort others; may not close the sender. */
	void (*done)(void *ctx, const struct exchange_result *result);
	void *ctx;
};

int sender_open(struct sender **out, const struct sender_options *options, struct err *err) ERR_MUST_USE;
void sender_close(struct sender **s); /* aborts what is under way: done() is called for each */
/* *out (out may be NULL) is valid until done(). */
void sender_send(struct sender *s, const struct send_request *request, struct exchange **out);
void sender_abort(struct sender *s, struct exchange *x); /* calls its done() with EXCHANGE_ABORTED */
size_t sender_in_flight(const struct sender *s);

#endif
