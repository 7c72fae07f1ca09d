/* Senders (sender.h) on threads of their own, for one event loop: what libcurl and TLS cost is spent beside the loop's thread, which goes on
 * deciding. All functions are called, and all answers come, in the loop's thread.
 *
 * Requests of one key go through one thread, so that they share its connections. Names are looked up beforehand (resolver.h). Invariant: every request is answered exactly once, by
 * done(), and never inside sender_pool_send(). */
#ifndef HTTP_SENDER_POOL_H
#define HTTP_SENDER_POOL_H

#include "http/resolver.h"
#include "http/sender.h"

struct sender_pool;
struct parcel;

struct sender_pool_options {
	struct sender_options sender; /* loop: where answers come; its limits are those of all threads together */
	int threads; /* that send */
	int lookups; /* threads that look names up */
	int lookup_share; /* percent of them, for one tenant beside others */
};

/* To whom a request goes. */
struct consignee {
	uint64_t key; /* requests of one key go through one thread */
	uint64_t tenant; /* shares look-ups with others, and no answers of name servers */
	const struct url_host *host; /* of the request's URL; borrowed for the call */
};

/* ERR_FATAL. */
int sender_pool_open(struct sender_pool **out, const struct sender_pool_options *options, struct err *err) ERR_MUST_USE;
/* Accepts NULL. Aborts what is under way: done() is called for each, and may not send. */
void sender_pool_close(struct sender_pool **closed);
/* The request is copied, but for may_begin, which is the pool's own. *out (out may be NULL) is valid until done(). Its host is looked up first, within its deadline: a name that leads
 * nowhere, or nowhere that the guard admits, ends as EXCHANGE_DNS with one text for both. */
void sender_pool_send(struct sender_pool *p, const struct consignee *to, const struct send_request *request,
	struct parcel **out);
/* Nothing is sent: it is answered EXCHANGE_REFUSED, with `why`. */
void sender_pool_refuse(struct sender_pool *p, const struct send_request *request, const char *why,
	struct parcel **out);
/* Calls its done() with EXCHANGE_ABORTED at once, with `begun` as it stays: what has not begun by then never does. Its thread cuts the transfer
 * off when it comes to it. */
void sender_pool_abort(struct sender_pool *p, struct parcel *parcel);
size_t sender_pool_in_flight(const struct sender_pool *p);
void sender_pool_lookups(const struct sender_pool *p, struct resolver_stats *out);

#endif
