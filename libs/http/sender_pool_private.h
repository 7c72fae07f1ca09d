/* Internals of the sender pool. Only sender_pool*.c include it.
 *
 *   sender_pool.c          opens and closes the pool; begins, aborts and completes requests
 *   sender_pool_request.c  a request's memory and its copy of what the caller passed
 *   sender_pool_lookup.c   the DNS lookup that precedes a request
 *   sender_pool_thread.c   the sender threads: the only code that runs outside the owner's thread
 *
 *                 owner's thread                        sender thread
 *   sender_pool_send() ──► lookup ──► SEND ───────────► inbox ──► sender_send()
 *   sender_pool_abort() ────────────► ABORT ──────────► inbox ──► sender_abort(), if still in flight
 *   done(), unless called already ◄── results ◄──────── each command is posted back once it was run
 *
 * Invariant: a sender thread owns a request from the first command posted until the last one is back; only then is the
 * request reused.
 */
#ifndef HTTP_SENDER_POOL_PRIVATE_H
#define HTTP_SENDER_POOL_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "http/sender_pool.h"
#include "loop/mailbox.h"

enum pool_command_kind { COMMAND_SEND, COMMAND_ABORT, COMMAND_STOP };

/* Whether a request may begin, decided atomically between the two threads: its first byte or its abort, whichever is
 * first.
 *
 *   GATE_OPEN ──┬─ sender thread, before the first byte ──► GATE_BEGUN: an abort reports begun
 *               └─ owner's thread, on abort ──────────────► GATE_CLOSED: nothing will be sent
 */
enum gate { GATE_OPEN, GATE_BEGUN, GATE_CLOSED };

/* A message to a sender thread. */
struct pool_command {
	struct mailbox_node node; /* first member */
	enum pool_command_kind kind;
	struct pool_request *request; /* NULL: COMMAND_STOP */
};

struct pool_request {
	struct pool_command send, abort;
	struct sender_thread *thread;
	LIST_ENTRY(pool_request) entry; /* in the pool's active or idle list */
	atomic_int gate;
	/* Accessed by the owner's thread only. */
	struct resolver_wait wait; /* waits for the DNS lookup; no command is posted yet */
	struct url_host host;
	struct loop_timer *deadline; /* of the lookup */
	int64_t begun_mono_us, looked_up_us;
	int commands_out;
	bool completed; /* done() was called */
	void (*done)(void *ctx, const struct exchange_result *result);
	void *ctx;
	/* Accessed by the sender thread only while commands are out. */
	struct buf text; /* URL, header lines and body; later detail and body of the result */
	const char **headers;
	size_t headers_cap;
	struct buf addresses; /* lines for CURLOPT_RESOLVE */
	const char *resolved[SENDER_RESOLVED_LINES + 1];
	struct send_request request;
	struct exchange *exchange; /* NULL: complete */
	struct exchange_result result;
};

struct sender_thread {
	struct sender_pool *pool;
	pthread_t thread;
	bool started;
	struct mailbox *inbox;
	struct pool_command stop;
	/* Accessed by the sender thread only, once it runs. */
	struct loop *loop;
	struct loop_io *io;
	struct sender *sender;
};

LIST_HEAD(pool_requests, pool_request);

struct sender_pool {
	const struct guard *guard;
	struct resolver *resolver;
	struct loop *loop;
	struct mailbox *results;
	struct loop_io *io;
	struct pool_requests active, idle;
	size_t in_flight; /* requests whose done() has not been called */
	size_t n_idle, max_idle;
	struct sender_thread *threads;
	size_t n_threads;
	bool closing;
};

/* sender_pool_request.c, in the owner's thread unless it says otherwise */

/* A copy of *request, active and counted as in flight. */
struct pool_request *pool_request_new(struct sender_pool *pool, const struct send_request *request);
void pool_request_free(struct pool_request *p);
/* Fails a request without its thread, but through the mailbox: done() must not run inside sender_pool_send(). */
void pool_request_fail(struct sender_pool *pool, struct pool_request *p, const struct exchange_result *r);
/* Calls done(). */
void pool_request_complete(struct sender_pool *pool, struct pool_request *p, const struct exchange_result *r);
/* Makes a completed request reusable, or frees it. */
void pool_request_release(struct sender_pool *pool, struct pool_request *p);
/* In the thread that owns the request: copies the result over the request's text, which is no longer needed. */
void pool_request_keep_result(struct pool_request *p, const struct exchange_result *r);
/* In either thread: changes an open gate to `to`. False: it was not open any more. */
bool pool_request_set_gate(struct pool_request *p, enum gate to);

/* sender_pool_lookup.c, in the owner's thread */

/* Resolves the request's host, within the request's deadline, then posts the request to its thread or fails it. */
void pool_request_look_up(struct sender_pool *pool, struct pool_request *p, uint64_t tenant);
/* Ends the lookup of a request that waits for one, and completes it. False: it does not wait for a lookup. */
bool pool_request_cancel_lookup(struct sender_pool *pool, struct pool_request *p, const struct exchange_result *r);

/* sender_pool_thread.c, called in the owner's thread */

int sender_threads_open(struct sender_pool *pool, const struct sender_options *options, struct err *err) ERR_MUST_USE;
/* Tells all threads to stop, then joins them one by one: their requests are aborted and posted back. */
void sender_threads_stop(struct sender_pool *pool);
void pool_command_post(struct pool_request *p, struct pool_command *c);

#endif
