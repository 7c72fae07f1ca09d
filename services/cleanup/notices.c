/* See notices.h. Invariant: the listener does not reconnect by itself: when its connection is lost, notices_read() says so, and the leader
 * gives its lease up and reads everything again. */
#include "cleanup/notices.h"

#include <stdlib.h>

#include "base/vec.h"
#include "pg/listener.h"

#define ACCOUNTS_MAX 1000 /* more of them are everything */

struct notices {
	struct pg_listener *listener;
	struct notice_batch next, last; /* last: what the caller borrows */
	size_t cap;
};

static int on_missed(void *ctx, struct err *err)
{
	(void)ctx, (void)err;
	return 0;
}

/* "account:<uuid>", "instance:<index>" or "job:<name>". Any role may notify: others are ignored. */
static void on_notified(void *ctx, struct str channel, struct str payload)
{
	struct notices *n = ctx;
	struct str word, text;
	struct uuid id;

	(void)channel;
	if (!str_cut(payload, ':', &word, &text))
		return;
	n->next.instances |= str_is(word, "instance");
	n->next.jobs |= str_is(word, "job");
	if (!str_is(word, "account") || !uuid_parse(text, &id))
		return;
	n->next.everything |= n->next.n_accounts >= ACCOUNTS_MAX;
	if (n->next.everything)
		return;
	n->next.accounts = vec_grow(n->next.accounts, n->next.n_accounts, &n->cap, sizeof(id));
	n->next.accounts[n->next.n_accounts++] = id;
}

struct notices *notices_new(struct loop *loop, const struct pg_options *options)
{
	static const char *const channels[] = { "blazz_accounts", NULL };
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
	free(n->next.accounts);
	free(n->last.accounts);
	free(n);
}

static void next_clear(struct notices *n)
{
	n->next = (struct notice_batch){ 0 };
	n->cap = 0;
}

int notices_listen(struct notices *n, struct err *err)
{
	if (pg_listener_read(n->listener, err) < 0 && pg_listener_listen(n->listener, err) < 0)
		return -1;
	free(n->next.accounts);
	next_clear(n);
	return 0;
}

void notices_stop(struct notices *n)
{
	if (pg_listener_pg(n->listener))
		pg_listener_drop(n->listener);
}

int notices_read(struct notices *n, struct notice_batch *out, struct err *err)
{
	if (!pg_listener_listens(n->listener))
		return err_set(err, ERR_RETRY, "closed",
			"no connection to PostgreSQL for notifications of changed accounts");
	if (pg_listener_turn(n->listener, err) < 0)
		return -1;
	free(n->last.accounts);
	n->last = n->next;
	next_clear(n);
	*out = n->last;
	return 0;
}
