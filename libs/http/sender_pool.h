/* Concurrent HTTP requests from one event loop. Sender threads (sender.h) do the work of libcurl and TLS; names are
 * resolved before (resolver.h). All functions must be called, and all callbacks run, in the loop's thread.
 *
 *   sender_pool_send() ──► name resolved ──► connected ──► request begun ──► done(), with the result
 *   sender_pool_abort() at any time before done() ───────────────────────► done(), with EXCHANGE_ABORTED
 *
 * Invariant: done() is called exactly once for every request, and never inside sender_pool_send().
 *
 * What the pool leaves to its caller: the number of requests in flight, which the pool does not limit, and whether to
 * send again, which nothing here ever does. `begun` of the result says whether the server may have seen the request;
 * exchange_class.h classifies the rest. Requests with the same key use the same thread, so that they share its
 * connections; requests in flight at the same time may arrive in any order, also with the same key. */
#ifndef HTTP_SENDER_POOL_H
#define HTTP_SENDER_POOL_H

#include "http/resolver.h"
#include "http/sender.h"

struct sender_pool;
struct pool_request; /* one request, from sender_pool_send() until its done() */

struct sender_pool_options {
	/* loop: where callbacks run. max_connections is divided among the threads; max_connections_per_host applies to
	 * each thread by itself. */
	struct sender_options sender;
	int threads; /* sender threads, at least 1 */
	int lookups; /* threads that resolve names, at least 1 */
	int lookup_share; /* percent of them that one tenant may use while others use some */
};

/* The destination of a request. */
struct send_target {
	uint64_t key; /* requests with the same key use the same thread: the endpoint's or the account's id, say */
	uint64_t tenant; /* tenants share the resolver's threads, but not its cached answers */
	const struct url_host *host; /* of the request's URL, from guard_host(); borrowed for the call */
};

/* ERR_FATAL. */
int sender_pool_open(struct sender_pool **out, const struct sender_pool_options *options, struct err *err) ERR_MUST_USE;
/* Accepts NULL. Aborts requests in flight: done() is called for each, and must not send. Waits for the sender threads,
 * but not for DNS lookups. Must not be called in a done(). */
void sender_pool_close(struct sender_pool **closed);
/* Copies the request with all that it points to; its may_begin and resolved are ignored, as the pool sets its own.
 * timeout_ms counts from this call and includes the lookup. *out (out may be NULL) is valid until done(). A name that
 * does not resolve, or only to addresses that the guard refuses, ends as EXCHANGE_DNS, with the same text in both
 * cases. done() may send and abort other requests. */
void sender_pool_send(struct sender_pool *pool, const struct send_target *to, const struct send_request *request,
	struct pool_request **out);
/* For a request that must not be sent, so that it fails in the same way as others: sends nothing, and done() gets
 * EXCHANGE_REFUSED with `why` (copied), not begun, in a later iteration of the loop. */
void sender_pool_refuse(struct sender_pool *pool, const struct send_request *request, const char *why,
	struct pool_request **out);
/* Calls done() with EXCHANGE_ABORTED before it returns. `begun` is final: a request that has not begun by then never
 * will. The sender thread ends the transfer later. */
void sender_pool_abort(struct sender_pool *pool, struct pool_request *p);
/* Requests whose done() has not been called. */
size_t sender_pool_in_flight(const struct sender_pool *pool);
/* Of the DNS lookups, for metrics. */
void sender_pool_lookups(const struct sender_pool *pool, struct resolver_stats *out);

#endif
