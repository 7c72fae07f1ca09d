/* Records that were put off, in memory: of partitions in which the database refuses many, so that the others need not wait for them. In
 * order within each partition; the partitions take turns. Private to libs/worker. */
#ifndef WORKER_BACKLOG_H
#define WORKER_BACKLOG_H

#include "worker/batch.h"

struct backlog {
	struct kafka_message *messages;
	size_t n, cap;
	int64_t bytes;
	size_t limit; /* of the weight taken out at once */
	struct topic_partition turn; /* whose it was last */
};

void backlog_reset(struct backlog *l); /* releases messages */
void backlog_fini(struct backlog *l);
/* Takes the message over (clears *m). */
void backlog_add(struct backlog *l, struct kafka_message *m);
bool backlog_has(const struct backlog *l, struct topic_partition partition);
/* The next partition's first records, as many as one batch may have, go into the empty batch. Returns the partition; there is one. */
struct topic_partition backlog_take(struct backlog *l, struct batch *b, const struct worker_ops *ops, void *ctx);

#endif
