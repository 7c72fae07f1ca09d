/* LISTEN that survives its connection: it connects, listens, reports what it may have missed, and connects anew with doubling waits.
 *
 * Driven, not threaded: the owner calls pg_listener_turn() from the top of its loop, and nothing here waits for a notification. The
 * owner waits for all it does at once: with an event loop handed in, that loop wakes when something came; without one the owner polls
 * pg_listener_fd(). Both until pg_listener_due_mono_ms(). Connecting and LISTEN wait for their answer as any statement does (pg/pg.h):
 * pg_options.wait keeps an event loop turning meanwhile, a thread of its own may simply block.
 *
 * Invariant: between two calls of missed() every notification of the channels is delivered; what was sent while there was no
 * connection is lost, and missed() says so, after LISTEN was answered, so that what it reads and what is notified leave no gap.
 */
#ifndef PG_LISTENER_H
#define PG_LISTENER_H

#include "loop/loop.h"
#include "pg/pg.h"

struct pg_listener;

struct pg_listener_options {
	struct loop *loop; /* NULL: the owner polls */
	struct pg_options pg; /* its texts are borrowed as long as the listener lives */
	const char *const *channels; /* ended by NULL; borrowed likewise */
	int backoff_min_ms, backoff_max_ms; /* between attempts to connect */
};

struct pg_listener_ops {
	/* It listens, on a new connection: whatever changed before now may not have been notified. Statements may run on the connection. A
	 * failure closes it, and the attempt counts as failed. */
	int (*missed)(void *ctx, struct err *err);
	void (*notified)(void *ctx, struct str channel,
		struct str payload); /* never runs statements on this connection */
	void (*alive)(void *ctx); /* after missed(), and whenever a quiet connection answered; may be NULL */
};

struct pg_listener *pg_listener_new(const struct pg_listener_options *options, const struct pg_listener_ops *ops,
	void *ctx);
void pg_listener_free(struct pg_listener *l); /* accepts NULL */

/* Connects when that is due, delivers what came, and asks a connection that was quiet for 15 s whether it still answers.
 * 1: something was delivered; 0: nothing, or the next attempt is not due yet. -1: connecting failed, or the connection is lost; as of
 * pg_open() and pg_run(). */
int pg_listener_turn(struct pg_listener *l, struct err *err) ERR_MUST_USE;
/* Connects now, whatever is due, unless it listens already. For an owner with a backoff of its own. */
int pg_listener_listen(struct pg_listener *l, struct err *err) ERR_MUST_USE;
/* Delivers what came, without ever waiting: also for callbacks that run while a statement waits. As pg_listener_turn(); -1, too, without
 * a connection that listens ("closed") and while the listener itself waits for an answer ("waiting"). */
int pg_listener_read(struct pg_listener *l, struct err *err) ERR_MUST_USE;
/* Closes the connection; the next attempt follows after a wait. At once after the owner's own statement failed on it: libs/pg may have
 * closed a descriptor that the loop still watches. */
void pg_listener_drop(struct pg_listener *l);

bool pg_listener_listens(const struct pg_listener *l);
/* Its connection, for statements of the owner between two turns; NULL unless connected. Borrowed until the next call of the listener. */
struct pg *pg_listener_pg(struct pg_listener *l);
int pg_listener_fd(const struct pg_listener *l); /* -1: not connected */
int64_t pg_listener_due_mono_ms(const struct pg_listener
		*l); /* when pg_listener_turn() has something to do by itself */

#endif
