/* How a request to somebody else's server ended. */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include "base/str.h"

enum exchange_failure {
	EXCHANGE_ANSWERED, /* status is set, the answer came whole or was cut at the limit */
	EXCHANGE_DNS,
	EXCHANGE_CONNECT,
	EXCHANGE_TLS, /* handshake, or certificate */
	EXCHANGE_TIMEOUT,
	EXCHANGE_BROKEN, /* the connection ended, or what came is not HTTP */
	EXCHANGE_REFUSED, /* the guard admits none of its addresses, or the URL is not one */
	EXCHANGE_ABORTED, /* by the caller, or this machine has no room for a look-up: says nothing of the server */
};

struct exchange_result {
	enum exchange_failure failure;
	/* A byte of the request may have left. False only when none did: the exchange ended before its request was given to a connection,
	 * which is open and, over TLS, past its handshake by then. A request that may have left is never sent again. */
	bool begun;
	int status; /* of the answer; 0: none came (it may be set although the exchange failed later) */
	const char *detail; /* for people; "" when answered */
	int64_t retry_after_ms; /* from now; -1: not said (RFC 9110, 10.2.3: seconds or a date) */
	/* When each phase ended, since the start; -1: it did not come so far, or there is none (TLS over plain http). */
	int64_t dns_us, connect_us, tls_us, first_byte_us, total_us;
	struct str body; /* up to the request's limit; borrowed for the call */
	bool reused; /* an open connection was used */
	bool refused; /* EXCHANGE_DNS: the name leads to addresses, but none that the guard admits. For operators only */
};

/* Nothing came: no status, no phases, no body. */
struct exchange_result exchange_failed(enum exchange_failure failure, const char *detail, bool begun);

#endif
