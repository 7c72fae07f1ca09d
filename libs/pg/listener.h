/* LISTEN that survives a lost connection: the listener connects, listens, reports that notifications may have been
 * missed, and reconnects with doubling waits.
 *
 * It has no thread: the owner calls pg_listener_turn() from the top of its loop, and nothing here waits for a
 * notification. With an event loop in the options, that loop wakes the owner when something has arrived; without one
 * the owner polls pg_listener_fd(). In both cases the owner waits until pg_listener_due_mono_ms() at the latest.
 * Connecting and LISTEN wait for their answer as any statement does (pg/pg.h): pg_options.wait keeps an event loop
 * turning meanwhile; an owner with a thread of its own may simply block.
 *
 * Invariant: between two calls of missed() every notification of the channels is delivered; what was sent while there
 * was no connection is lost, and missed() says so, after LISTEN was answered, so that what it reads and what is
 * notified leave no gap.
 */
#ifndef PG_LISTENER_H
#define PG_LISTENER_H

#include "loop/loop.h"
#include "pg/pg.h"

struct pg_listener;

struct pg_listener_options {
	struct loop *loop; /* NULL: the owner polls */
	struct pg_options pg; /* its texts are borrowed as long as the listener lives */
	const char *const *channels; /* terminated by NULL; borrowed likewise */
	int backoff_min_ms, backoff_max_ms; /* between attempts to connect */
};

struct pg_listener_ops {
	/* A new connection listens: notifications of earlier changes may have been lost. May run statements on the
	 * connection. A failure closes the connection, and the attempt counts as failed. */
	int (*missed)(void *ctx, struct err *err);
	void (*notified)(void *ctx, struct str channel,
		struct str payload); /* never runs statements on this connection */
	void (*alive)(void *ctx); /* after missed(), and whenever a quiet connection has answered; may be NULL */
};

struct pg_listener *pg_listener_new(const struct pg_listener_options *options, const struct pg_listener_ops *ops,
	void *ctx);
void pg_listener_free(struct pg_listener *l); /* accepts NULL */

/* Connects when an attempt is due, delivers notifications, and checks with a statement a connection that was quiet for
 * 15 s. 1: something was delivered; 0: nothing, or the next attempt is not due yet. -1: connecting failed, or the
 * connection was lost; errors as of pg_open() and pg_run(). */
int pg_listener_turn(struct pg_listener *l, struct err *err) ERR_MUST_USE;
/* Connects now, without waiting for the time of the next attempt, unless it listens already. For an owner with a
 * backoff of its own. */
int pg_listener_listen(struct pg_listener *l, struct err *err) ERR_MUST_USE;
/* Delivers notifications that have arrived and never waits: may be called from callbacks that run while a statement
 * waits. Returns as pg_listener_turn(); also -1 without a connection that listens (code "closed") and while the
 * listener itself waits for an answer ("waiting"). */
int pg_listener_read(struct pg_listener *l, struct err *err) ERR_MUST_USE;
/* Closes the connection; the next attempt follows after a wait. The owner must call it at once when a statement of its
 * own has failed on the connection: libs/pg may have closed a descriptor that the loop still watches. */
void pg_listener_drop(struct pg_listener *l);

bool pg_listener_listens(const struct pg_listener *l);
/* The listener's connection, for statements of the owner between two turns; NULL unless connected. Borrowed until the
 * next call of the listener. */
struct pg *pg_listener_pg(struct pg_listener *l);
int pg_listener_fd(const struct pg_listener *l); /* -1: not connected */
int64_t pg_listener_due_mono_ms(const struct pg_listener
		*l); /* when pg_listener_turn() has something to do by itself */

#endif
