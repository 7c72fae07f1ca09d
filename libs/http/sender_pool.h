/* Senders (sender.h) on threads, for one event loop: libcurl and TLS spend their time outside the loop's thread. All
 * functions must be called, and all callbacks run, in the loop's thread.
 *
 * Requests with the same key use the same thread, so that they share its connections. Names are resolved beforehand
 * (resolver.h). Invariant: done() is called exactly once for every request, and never inside sender_pool_send(). */
#ifndef HTTP_SENDER_POOL_H
#define HTTP_SENDER_POOL_H

#include "http/resolver.h"
#include "http/sender.h"

struct sender_pool;
struct parcel;

struct sender_pool_options {
	struct sender_options sender; /* loop: where callbacks run; limits apply to all threads together */
	int threads; /* sender threads */
	int lookups; /* threads that resolve names */
	int lookup_share; /* percent of them that one tenant may use while others use some */
};

/* The destination of a request. */
struct consignee {
	uint64_t key; /* requests with the same key use the same thread */
	uint64_t tenant; /* tenants share the resolver's threads, but not its cached answers */
	const struct url_host *host; /* of the request's URL; borrowed for the call */
};

/* ERR_FATAL. */
int sender_pool_open(struct sender_pool **out, const struct sender_pool_options *options, struct err *err) ERR_MUST_USE;
/* Accepts NULL. Aborts requests in flight: done() is called for each, and must not send. */
void sender_pool_close(struct sender_pool **closed);
/* Copies the request; its may_begin is ignored, as the pool sets its own. *out (out may be NULL) is valid until
 * done(). The host is resolved first, within the request's deadline: a name that does not resolve, or only to
 * addresses that the guard refuses, ends as EXCHANGE_DNS, with the same text in both cases. */
void sender_pool_send(struct sender_pool *p, const struct consignee *to, const struct send_request *request,
	struct parcel **out);
/* Sends nothing: done() gets EXCHANGE_REFUSED with `why`, asynchronously. */
void sender_pool_refuse(struct sender_pool *p, const struct send_request *request, const char *why,
	struct parcel **out);
/* Calls done() with EXCHANGE_ABORTED before it returns. `begun` is final: a request that has not begun by then never
 * will. The sender thread ends the transfer later. */
void sender_pool_abort(struct sender_pool *p, struct parcel *parcel);
size_t sender_pool_in_flight(const struct sender_pool *p);
void sender_pool_lookups(const struct sender_pool *p, struct resolver_stats *out);

#endif
