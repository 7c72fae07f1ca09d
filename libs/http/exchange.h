/* The outcome of a request to a server that Blazz does not control. */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include "base/str.h"

enum exchange_failure {
	EXCHANGE_ANSWERED, /* status is set; the response is complete, or truncated at the limit */
	EXCHANGE_DNS,
	EXCHANGE_CONNECT,
	EXCHANGE_TLS, /* handshake or certificate failed */
	EXCHANGE_TIMEOUT,
	EXCHANGE_BROKEN, /* the connection was closed, or the response is not HTTP */
	EXCHANGE_REFUSED, /* the guard admits none of the host's addresses, or the URL is invalid */
	EXCHANGE_ABORTED, /* by the caller, or no resources for a DNS lookup here: says nothing about the server */
};

struct exchange_result {
	enum exchange_failure failure;
	/* Whether any byte of the request may have been sent. False only if none was: the exchange ended before
	 * libcurl passed the request to an open connection (with TLS: after the handshake). A request that may have
	 * been sent is never sent again. */
	bool begun;
	int status; /* of the response; 0: none received (it may be set even if the exchange failed later) */
	const char *detail; /* the error, for operators and tenants; "" when answered */
	int64_t retry_after_ms; /* Retry-After, from now (RFC 9110, 10.2.3: seconds or a date); -1: absent */
	/* When each phase ended, since the start; -1: not reached, or there is no such phase (TLS with plain http). */
	int64_t dns_us, connect_us, tls_us, first_byte_us, total_us;
	struct str body; /* up to the request's limit; borrowed for the call */
	bool reused; /* an already open connection was used */
	bool refused; /* EXCHANGE_DNS: the name resolved, but the guard refuses its addresses. For operators only */
};

/* A result without a response: no status, no phases, no body. */
struct exchange_result exchange_failed(enum exchange_failure failure, const char *detail, bool begun);

#endif
