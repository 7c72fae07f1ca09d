/* The main loop of a service that serves sockets and runs statements in one thread: webhook-dispatcher, and every service that sends requests
 * while PostgreSQL works.
 *
 * Two places run callbacks of the event loop (descriptors, timers, mailboxes: results of requests):
 *
 *   reactor_run()
 *     callbacks of what is ready, for at most turn_ms
 *     ops.turn()                   the service's own main loop, top to bottom
 *       a statement waits          callbacks again, until PostgreSQL has answered
 *
 * So requests begin and end while a transaction waits for its disk. A callback therefore
 *   - runs no statement on a connection of reactor_pg(), and does not turn the loop: reactor_waiting() tells that a statement waits;
 *   - frees nothing that the code around a statement still uses, unless that code asks again after each statement. With an owner
 *     (worker/owner.h) this holds for lost(), too, which may run while a statement waits;
 *   - may change what a transaction is about to write only if that is collected in a second place meanwhile (a double buffer).
 * What must not happen while a statement waits, such as reading records, is switched off around it (loop_io_set()).
 *
 * A service without statements in its main loop needs only loop/loop.h, as ingest does.
 */
#ifndef SERVICE_REACTOR_H
#define SERVICE_REACTOR_H

#include "loop/loop.h"
#include "pg/pg.h"
#include "service/service.h"

struct reactor;

struct reactor_ops {
	/* One turn of the service's main loop. -1: reactor_run() ends with *err, so only ERR_FATAL. */
	int (*turn)(void *ctx, struct err *err);
	/* SIGTERM has arrived: the service begins no new work from here on. May be NULL. */
	void (*drain)(void *ctx);
	/* Asked while draining: whether work is in flight. reactor_run() returns when there is none, or when drain_timeout_ms has passed.
	 * NULL: never. */
	bool (*busy)(void *ctx);
};

struct reactor_options {
	int turn_ms; /* the longest wait for an event between two turns */
	int64_t drain_timeout_ms;
	bool coarse; /* timers as in loop_new_coarse() */
};

/* ctx is passed to ops; service is borrowed. ERR_FATAL. */
int reactor_open(struct reactor **out, struct service *service, const struct reactor_options *options,
	const struct reactor_ops *ops, void *ctx, struct err *err) ERR_MUST_USE;
/* After everything that uses the loop. *r may be NULL. */
void reactor_close(struct reactor **r);

struct loop *reactor_loop(const struct reactor *r);
/* Makes statements of connections with these options run callbacks while they wait; sets options->wait and wait_ctx. */
void reactor_pg(struct reactor *r, struct pg_options *options);
/* True inside a callback that runs while a statement waits. */
bool reactor_waiting(const struct reactor *r);

/* Turns until SIGTERM, and then until the service is no longer busy or drain_timeout_ms has passed. -1 when a turn failed, also while
 * draining. What has to be written at the very end is up to the caller. */
int reactor_run(struct reactor *r, struct err *err) ERR_MUST_USE;

#endif
