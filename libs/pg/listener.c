/* See listener.h. Invariant: the loop never watches a closed descriptor; and while a statement of the listener waits
 * for its answer, only that statement reads from the connection.
 *
 *            turn() when due, listen()             drop(), lost, no answer
 *   closed ----------------------------> listens ----------------------> closed, due after a wait
 *      ^                |                   | quiet for QUIET_MS
 *      +---- failed ----+                   +--> LISTEN again, a round trip that changes nothing
 */
#include "pg/listener.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/backoff.h"
#include "base/clock.h"

#define QUIET_MS 15000 /* after this long without traffic the connection is checked */

struct pg_listener {
	struct pg_listener_options options;
	const struct pg_listener_ops *ops;
	void *ctx;
	struct pg *pg; /* NULL: not connected */
	struct loop_io *io;
	bool readable; /* the loop reported it, or data may have arrived unreported */
	bool waiting; /* for the answer to a statement, the listener's or one of missed() */
	int failures; /* failed attempts to connect, in a row */
	int64_t retry_mono_ms, alive_mono_ms;
};

struct pg_listener *pg_listener_new(const struct pg_listener_options *options, const struct pg_listener_ops *ops,
	void *ctx)
{
	struct pg_listener *l = mem_calloc(1, sizeof(*l));

	l->options = *options;
	l->ops = ops;
	l->ctx = ctx;
	return l;
}

static void disconnect(struct pg_listener *l)
{
	loop_io_free(l->io);
	l->io = NULL;
	pg_close(&l->pg);
}

void pg_listener_free(struct pg_listener *l)
{
	if (!l)
		return;
	disconnect(l);
	free(l);
}

void pg_listener_drop(struct pg_listener *l)
{
	disconnect(l);
	l->retry_mono_ms =
		clock_mono_ms() + backoff_ms(l->options.backoff_min_ms, l->options.backoff_max_ms, l->failures++);
}

bool pg_listener_listens(const struct pg_listener *l)
{
	return l->pg && pg_usable(l->pg) && !l->waiting;
}

/* A statement of the caller also reads notifications from the socket, and the loop then does not report them. */
struct pg *pg_listener_pg(struct pg_listener *l)
{
	l->readable = true;
	return l->pg;
}

int pg_listener_fd(const struct pg_listener *l)
{
	return l->pg ? pg_socket(l->pg) : -1;
}

int64_t pg_listener_due_mono_ms(const struct pg_listener *l)
{
	return l->pg ? l->alive_mono_ms + QUIET_MS : l->retry_mono_ms;
}

static void on_readable(void *ctx)
{
	((struct pg_listener *)ctx)->readable = true;
}

static void alive(struct pg_listener *l)
{
	l->alive_mono_ms = clock_mono_ms();
	if (l->ops->alive)
		l->ops->alive(l->ctx);
}

static int channels_listen(struct pg_listener *l, struct err *err)
{
	int rc = 0;

	for (const char *const *name = l->options.channels; *name && rc == 0; name++)
		rc = pg_listen(l->pg, *name, err);
	l->readable = true; /* notifications may have arrived with the answer */
	return rc;
}

static int connect_and_listen(struct pg_listener *l, struct err *err)
{
	if (pg_open(&l->pg, &l->options.pg, err) < 0 || channels_listen(l, err) < 0 || l->ops->missed(l->ctx, err) < 0)
		return -1;
	if (l->options.loop)
		l->io = loop_io_new(l->options.loop, pg_socket(l->pg), true, false, on_readable, l);
	return 0;
}

int pg_listener_listen(struct pg_listener *l, struct err *err)
{
	int rc;

	if (pg_listener_listens(l))
		return 0;
	disconnect(l);
	l->waiting = true;
	rc = connect_and_listen(l, err);
	l->waiting = false;
	if (rc < 0) {
		pg_listener_drop(l);
		return -1;
	}
	l->failures = 0;
	alive(l);
	return 0;
}

int pg_listener_read(struct pg_listener *l, struct err *err)
{
	struct str channel, payload;
	int rc, any = 0;

	if (l->waiting)
		return err_set(err, ERR_RETRY, "waiting", "the listener waits for an answer of PostgreSQL");
	if (!l->pg)
		return err_set(err, ERR_RETRY, "closed", "notifications are not received: not connected to PostgreSQL");
	l->readable = false;
	while ((rc = pg_notification(l->pg, &channel, &payload, err)) == 1) {
		l->ops->notified(l->ctx, channel, payload);
		any = 1;
	}
	if (rc < 0)
		pg_listener_drop(l);
	return rc < 0 ? -1 : any;
}

static int quiet_check(struct pg_listener *l, struct err *err)
{
	int rc;

	if (clock_mono_ms() < pg_listener_due_mono_ms(l))
		return 0;
	l->waiting = true;
	rc = channels_listen(l, err);
	l->waiting = false;
	if (rc < 0) {
		pg_listener_drop(l);
		return -1;
	}
	alive(l);
	return 0;
}

/* The check of a quiet connection comes first, so that notifications that arrive with its answer are delivered in this
 * turn. */
int pg_listener_turn(struct pg_listener *l, struct err *err)
{
	if (!l->pg)
		return clock_mono_ms() < l->retry_mono_ms ? 0 : pg_listener_listen(l, err);
	if (quiet_check(l, err) < 0)
		return -1;
	return !l->io || l->readable ? pg_listener_read(l, err) : 0;
}
