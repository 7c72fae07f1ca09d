/* Senders (sender.h) on threads of their own, for one event loop: what libcurl and TLS cost is spent beside the loop's thread, which goes on
 * deciding. All functions are called, and all answers come, in the loop's thread.
 *
 * Requests of one key go through one thread, so that they share its connections. Invariant: every request is answered exactly once, by
 * done(), and never inside sender_pool_send(). */
#ifndef HTTP_SENDER_POOL_H
#define HTTP_SENDER_POOL_H

#include "http/sender.h"

struct sender_pool;
struct parcel;

/* options->loop is where answers come; its limits are those of all threads together. ERR_FATAL. */
int sender_pool_open(struct sender_pool **out, const struct sender_options *options, int threads,
	struct err *err) ERR_MUST_USE;
/* Accepts NULL. Aborts what is under way: done() is called for each, and may not send. */
void sender_pool_close(struct sender_pool **p);
/* The request is copied. *out (out may be NULL) is valid until done(). */
void sender_pool_send(struct sender_pool *p, uint64_t key, const struct send_request *request, struct parcel **out);
/* Calls its done() with EXCHANGE_ABORTED at once; its thread cuts the transfer off when it comes to it. */
void sender_pool_abort(struct sender_pool *p, struct parcel *parcel);
size_t sender_pool_in_flight(const struct sender_pool *p);

#endif
