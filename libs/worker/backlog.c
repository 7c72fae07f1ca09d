/* Postponed records; see backlog.h. Invariant: the records of one partition stay in offset order. */
#include "worker/backlog.h"

#include <stdlib.h>

#include "base/vec.h"

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
	l->messages = vec_grow(l->messages, l->n, &l->cap, sizeof(*l->messages));
	l->bytes += bytes_of(m);
	l->messages[l->n++] = *m;
	*m = (struct kafka_message){ 0 };
}

bool backlog_has(const struct backlog *l, struct topic_partition partition)
{
	for (size_t i = 0; i < l->n; i++)
		if (topic_partition_eq(kafka_message_partition(&l->messages[i]), partition))
			return true;
	return false;
}

/* The partition after the one that had the last turn, or else the first. */
static struct topic_partition partition_next(const struct backlog *l)
{
	static const struct topic_partition none = { INT32_MAX, INT32_MAX };
	struct topic_partition first = none, next = none;

	for (size_t i = 0; i < l->n; i++) {
		struct topic_partition p = kafka_message_partition(&l->messages[i]);

		first = topic_partition_cmp(p, first) < 0 ? p : first;
		next = topic_partition_cmp(p, l->turn) > 0 && topic_partition_cmp(p, next) < 0 ? p : next;
	}
	return topic_partition_eq(next, none) ? first : next;
}

struct topic_partition backlog_move(struct backlog *l, struct batch *b, const struct worker_ops *ops, void *ctx)
{
	size_t kept = 0;

	l->turn = partition_next(l);
	for (size_t i = 0; i < l->n; i++) {
		struct kafka_message *m = &l->messages[i];

		if (!topic_partition_eq(kafka_message_partition(m), l->turn) || b->weight >= l->limit ||
			batch_full(b)) {
			l->messages[kept++] = *m;
			continue;
		}
		l->bytes -= bytes_of(m);
		batch_add(b, m, ops, ctx);
	}
	l->n = kept;
	b->postponed_before = true;
	return l->turn;
}
