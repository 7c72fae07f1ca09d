/* See notices.h. Invariant: the listener does not reconnect by itself, because notifications of the time between would be missing. When its
 * connection is lost, the dispatcher acquires its partitions again, with the backoff of that, and reads all endpoints. */
#include "webhook-dispatcher/notices.h"

#include <stdlib.h>

#include "base/vec.h"
#include "pg/listener.h"
#include "store/webhook_endpoints.h"

struct notices {
	struct pg_listener *listener;
	struct uuid *changed;
	size_t n_changed, cap_changed;
};

static int on_missed(void *ctx, struct err *err)
{
	(void)ctx, (void)err;
	return 0;
}

static void on_notified(void *ctx, struct str channel, struct str payload)
{
	struct notices *n = ctx;
	struct uuid id;

	(void)channel;
	if (!uuid_parse(payload, &id))
		return;
	n->changed = vec_grow(n->changed, n->n_changed, &n->cap_changed, sizeof(*n->changed));
	n->changed[n->n_changed++] = id;
}

struct notices *notices_new(struct loop *loop, const struct pg_options *options)
{
	static const char *const channels[] = { WEBHOOKS_CHANNEL, NULL };
	static const struct pg_listener_ops ops = { .missed = on_missed, .notified = on_notified };
	struct notices *n = mem_calloc(1, sizeof(*n));

	n->listener =
		pg_listener_new(&(struct pg_listener_options){ .loop = loop, .pg = *options, .channels = channels },
			&ops, n);
	return n;
}

void notices_free(struct notices *n)
{
	if (!n)
		return;
	pg_listener_free(n->listener);
	free(n->changed);
	free(n);
}

int notices_listen(struct notices *n, struct err *err)
{
	if (pg_listener_read(n->listener, err) < 0 && pg_listener_listen(n->listener, err) < 0)
		return -1;
	n->n_changed = 0;
	return 0;
}

bool notices_pending(struct notices *n)
{
	struct err err;

	return pg_listener_read(n->listener, &err) < 0 || n->n_changed > 0;
}

int notices_read(struct notices *n, struct uuid **out, size_t *count, struct err *err)
{
	if (!pg_listener_listens(n->listener))
		return err_set(err, ERR_RETRY, "closed",
			"no connection to PostgreSQL for notifications of changed endpoints");
	if (pg_listener_turn(n->listener, err) < 0)
		return -1;
	*count = n->n_changed;
	*out = n->n_changed > 0 ? n->changed : NULL;
	if (n->n_changed > 0) {
		n->changed = NULL;
		n->cap_changed = 0;
	}
	n->n_changed = 0;
	return 0;
}
