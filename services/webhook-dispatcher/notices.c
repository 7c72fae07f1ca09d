/* See notices.h. Invariant: a descriptor that is closed is not watched any more. */
#include "webhook-dispatcher/notices.h"

#include <stdlib.h>

#include "base/arena.h"
#include "store/webhook_endpoints.h"

struct notices {
	struct loop *loop;
	struct pg_options options;
	struct pg *pg; /* NULL: not connected */
	struct loop_io *io;
	bool readable;
	struct uuid *told;
	size_t n_told;
};

struct notices *notices_new(struct loop *loop, const struct pg_options *options)
{
	struct notices *n = mem_calloc(1, sizeof(*n));

	n->loop = loop;
	n->options = *options;
	return n;
}

static void disconnect(struct notices *n)
{
	loop_io_free(n->io);
	n->io = NULL;
	pg_close(&n->pg);
	n->n_told = 0;
	n->readable = false;
}

void notices_free(struct notices *n)
{
	if (!n)
		return;
	disconnect(n);
	free(n->told);
	free(n);
}

static void on_readable(void *ctx)
{
	((struct notices *)ctx)->readable = true;
}

/* It is ours only when it listens: before, its answers are read by who waits for them. */
static int connect_and_listen(struct notices *n, struct err *err)
{
	struct pg *pg;

	if (pg_open(&pg, &n->options, err) < 0)
		return -1;
	if (pg_listen(pg, WEBHOOKS_CHANNEL, err) < 0) {
		pg_close(&pg);
		return -1;
	}
	n->pg = pg;
	n->io = loop_io_new(n->loop, pg_socket(n->pg), true, false, on_readable, n);
	n->readable = true; /* what came with the answer */
	return 0;
}

static int told_read(struct notices *n, struct err *err)
{
	struct str channel, payload;
	struct uuid id;
	int rc;

	n->readable = false;
	while ((rc = pg_notification(n->pg, &channel, &payload, err)) == 1) {
		if (!uuid_parse(payload, &id))
			continue;
		n->told = mem_realloc(n->told, (n->n_told + 1) * sizeof(*n->told));
		n->told[n->n_told++] = id;
	}
	if (rc < 0)
		disconnect(n);
	return rc;
}

int notices_listen(struct notices *n, struct err *err)
{
	if (n->pg && told_read(n, err) == 0) {
		n->n_told = 0;
		return 0;
	}
	return connect_and_listen(n, err);
}

bool notices_wait(struct notices *n)
{
	struct err err;

	return !n->pg || told_read(n, &err) < 0 || n->n_told > 0;
}

int notices_take(struct notices *n, struct uuid **out, size_t *count, struct err *err)
{
	if (!n->pg)
		return err_set(err, ERR_RETRY, "closed",
			"changes of endpoints are not heard: not connected to PostgreSQL");
	if (n->readable && told_read(n, err) < 0)
		return -1;
	*count = n->n_told;
	*out = n->n_told > 0 ? n->told : NULL;
	if (n->n_told > 0)
		n->told = NULL;
	n->n_told = 0;
	return 0;
}
