/* See notices.h. Invariant: the listener does not reconnect by itself: when its connection is lost, notices_read() says so, and the owner
 * listens again, after which NOTICE_ALL comes first. */
#include "campaign-sender/notices.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/vec.h"
#include "pg/listener.h"

#define NOTICES_MAX 10000 /* more of them are one NOTICE_ALL */

struct notices {
	struct pg_listener *listener;
	struct notice *list;
	size_t n, cap;
	struct map *seen; /* payloads of the list */
};

static void notice_add(struct notices *n, const struct notice *what)
{
	n->list = vec_grow(n->list, n->n, &n->cap, sizeof(*n->list));
	n->list[n->n++] = *what;
}

/* One notice in place of all. */
static void notices_collapse(struct notices *n)
{
	n->n = 0;
	map_clear(n->seen);
	notice_add(n, &(struct notice){ .kind = NOTICE_ALL });
}

static bool notices_has_all(const struct notices *n)
{
	return n->n > 0 && n->list[0].kind == NOTICE_ALL;
}

/* "account:<uuid>", "template:<id>". False: of a kind that this release does not know. */
static bool notice_parse(struct str payload, struct notice *out)
{
	static const struct {
		const char *word;
		enum notice_kind kind;
	} kinds[] = {
		{ "account", NOTICE_ACCOUNT },
		{ "campaign", NOTICE_CAMPAIGN },
		{ "workspace", NOTICE_WORKSPACE },
		{ "due", NOTICE_DUE },
	};
	struct str word, id;

	if (!str_cut(payload, ':', &word, &id))
		return false;
	*out = (struct notice){ .kind = NOTICE_TEMPLATE };
	if (str_is(word, "template"))
		return str_to_i64(id, &out->id);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (str_is(word, kinds[i].word)) {
			out->kind = kinds[i].kind;
			return uuid_parse(id, &out->uuid);
		}
	return false;
}

static int on_missed(void *ctx, struct err *err)
{
	(void)err;
	notices_collapse(ctx);
	return 0;
}

static void on_notified(void *ctx, struct str channel, struct str payload)
{
	struct notices *n = ctx;
	struct notice what;
	void **slot;

	(void)channel;
	if (notices_has_all(n) || !notice_parse(payload, &what))
		return;
	if (n->n >= NOTICES_MAX) {
		notices_collapse(n);
		return;
	}
	slot = map_slot(n->seen, payload);
	if (*slot)
		return;
	*slot = n;
	notice_add(n, &what);
}

struct notices *notices_new(struct loop *loop, const struct pg_options *options)
{
	static const char *const channels[] = { "blazz_sending", NULL };
	static const struct pg_listener_ops ops = { .missed = on_missed, .notified = on_notified };
	struct notices *n = mem_calloc(1, sizeof(*n));

	n->seen = map_new();
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
	map_free(n->seen);
	free(n->list);
	free(n);
}

int notices_listen(struct notices *n, struct err *err)
{
	return pg_listener_read(n->listener, err) < 0 && pg_listener_listen(n->listener, err) < 0 ? -1 : 0;
}

bool notices_pending(struct notices *n)
{
	struct err err;

	return pg_listener_read(n->listener, &err) < 0 || n->n > 0;
}

int notices_read(struct notices *n, struct notice **out, size_t *count, struct err *err)
{
	if (!pg_listener_listens(n->listener))
		return err_set(err, ERR_RETRY, "closed",
			"no connection to PostgreSQL for notifications of what is sent");
	if (pg_listener_turn(n->listener, err) < 0)
		return -1;
	*count = n->n;
	*out = n->n > 0 ? n->list : NULL;
	if (n->n > 0) {
		n->list = NULL;
		n->cap = 0;
	}
	n->n = 0;
	map_clear(n->seen);
	return 0;
}
