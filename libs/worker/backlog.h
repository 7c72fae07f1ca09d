/* Postponed records, in memory: of partitions of which the database rejects many records, so that other partitions need
 * not wait for them. In order within each partition; the partitions take turns. Private to libs/worker. */
#ifndef WORKER_BACKLOG_H
#define WORKER_BACKLOG_H

#include "worker/batch.h"

struct backlog {
	struct kafka_message *messages;
	size_t n, cap;
	int64_t bytes;
	size_t limit; /* of the weight that one batch takes out */
	struct topic_partition turn; /* the partition that had the last turn */
};

void backlog_reset(struct backlog *l); /* releases messages */
void backlog_fini(struct backlog *l);
/* Takes ownership of the message (clears *m). */
void backlog_add(struct backlog *l, struct kafka_message *m);
bool backlog_has(const struct backlog *l, struct topic_partition partition);
/* Moves the next partition's first records, as many as one batch may have, into the empty batch. Returns the partition.
 * The backlog is not empty. */
struct topic_partition backlog_move(struct backlog *l, struct batch *b, const struct worker_ops *ops, void *ctx);

#endif
