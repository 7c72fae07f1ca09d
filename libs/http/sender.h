/* Many POSTs at once, on one libcurl multi handle and the event loop.
 *
 * Kept alive connections, HTTP/2 where TLS negotiates it, no redirects, no proxies from the environment, one deadline for the whole
 * exchange, addresses checked by a guard when they are connected to, responses cut, no silent replay of a POST on a connection that
 * was reused. Invariant: every send is answered exactly once, by done(), and never inside sender_send(). */
#ifndef HTTP_SENDER_H
#define HTTP_SENDER_H

#include "http/guard.h"
#include "loop/loop.h"

#define SENDER_RESPONSE_BYTES \
	16384 /* of the body, and of the header; then the transfer is cut, and counts by its status */

#define SENDER_RESOLVED_LINES 2

struct sender;
struct exchange;

struct sender_options {
	struct loop *loop;
	const struct guard *guard; /* borrowed */
	int max_connections; /* kept alive, all hosts together */
	int max_connections_per_host; /* more sends wait, within their deadline; 0: no limit */
	const char *user_agent;
	const char *ca_file; /* NULL: the system's */
};

enum exchange_failure {
	EXCHANGE_ANSWERED, /* status is set, the answer came whole or was cut at the limit */
	EXCHANGE_DNS,
	EXCHANGE_CONNECT,
	EXCHANGE_TLS, /* handshake, or certificate */
	EXCHANGE_TIMEOUT,
	EXCHANGE_BROKEN, /* the connection ended, or what came is not HTTP */
	EXCHANGE_REFUSED, /* the guard admits none of its addresses, or the URL is not one */
	EXCHANGE_ABORTED, /* sender_abort(), sender_close(), or this machine has no room for a look-up: as if not begun */
};

struct exchange_result {
	enum exchange_failure failure;
	int status; /* of the answer; 0: none came (it may be set although the exchange failed later) */
	const char *detail; /* for people; "" when answered */
	int64_t retry_after_ms; /* from now; -1: not said (RFC 9110, 10.2.3: seconds or a date) */
	/* When each phase ended, since the start; -1: it did not come so far, or there is none (TLS over plain http). */
	int64_t dns_us, connect_us, tls_us, first_byte_us, total_us;
	struct str body; /* up to SENDER_RESPONSE_BYTES; borrowed for the call */
	bool reused; /* an open connection was used */
	bool refused; /* EXCHANGE_DNS: the name leads to addresses, but none that the guard admits. For operators only */
};

struct send_request {
	const char *url;
	const char *const
		*headers; /* "Name: value", ended by NULL; content-type is among them. Borrowed until done() */
	struct str body; /* borrowed until done() */
	int timeout_ms;
	/* What its host resolves to, as lines of CURLOPT_RESOLVE ended by NULL, which is all that is connected to; borrowed until done(). NULL:
	 * libcurl looks up what is to be looked up, on a thread for each. */
	const char *const *resolved;
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
