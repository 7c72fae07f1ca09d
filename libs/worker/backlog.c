/* Records that were put off; see backlog.h. */
#include "worker/backlog.h"

#include <stdlib.h>

static int64_t bytes_of(const struct kafka_message *m)
{
	return (int64_t)(m->value.n + m->key.n);
}

void backlog_reset(struct backlog *l)
{
	for (size_t i = 0; i < l->n; i++)
		kafka_message_release(&l->messages[i]);
	l->n = 0;
	l->bytes = 0;
}

void backlog_fini(struct backlog *l)
{
	backlog_reset(l);
	free(l->messages);
	*l = (struct backlog){ 0 };
}

void backlog_add(struct backlog *l, struct kafka_message *m)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 256;
		l->messages = mem_realloc(l->messages, l->cap * sizeof(*l->messages));
	}
	l->bytes += bytes_of(m);
	l->messages[l->n++] = *m;
	*m = (struct kafka_message){ 0 };
}

bool backlog_has(const struct backlog *l, int32_t partition)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->messages[i].partition == partition)
			return true;
	return false;
}

/* The one behind the last in turn, else the first of all. */
static int32_t partition_next(const struct backlog *l)
{
	int32_t first = INT32_MAX, next = INT32_MAX;

	for (size_t i = 0; i < l->n; i++) {
		int32_t p = l->messages[i].partition;

		first = p < first ? p : first;
		next = p > l->turn && p < next ? p : next;
	}
	return next < INT32_MAX ? next : first;
}

int32_t backlog_take(struct backlog *l, struct batch *b, const struct worker_ops *ops, void *ctx)
{
	size_t kept = 0;

	l->turn = partition_next(l);
	for (size_t i = 0; i < l->n; i++) {
		struct kafka_message *m = &l->messages[i];

		if (m->partition != l->turn || b->weight >= l->limit || batch_full(b)) {
			l->messages[kept++] = *m;
			continue;
		}
		l->bytes -= bytes_of(m);
		batch_take(b, m, ops, ctx);
	}
	l->n = kept;
	b->put_off_before = true;
	return l->turn;
}
