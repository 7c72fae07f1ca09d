/* Between a publisher and the outbox in PostgreSQL: reads rows that still have to be published, deletes acknowledged
 * ones. Private to libs/worker. */
#ifndef WORKER_ADOPT_H
#define WORKER_ADOPT_H

#include "kafka/consumer.h"
#include "worker/publisher.h"

struct adoption {
	struct publisher *publisher;
	struct pg *pg;
	const char *producer;
	/* By index, full names that live as long as the publisher; "": the outbox of a lease. */
	const char *topics[CONSUMER_TOPICS_MAX];
	int32_t n_topics;
};

/* Adds to the publisher the outbox rows of these slots that an earlier owner (or this one, before a restart) has left;
 * they are published before any new row. Rows of a slot of the first topic may lack a topic. */
int outbox_adopt(const struct adoption *a, const struct topic_partition *slots, size_t n, struct err *err) ERR_MUST_USE;
/* Deletes acknowledged rows, outside any transaction. */
int outbox_delete_acknowledged(const struct adoption *a, struct err *err) ERR_MUST_USE;

#endif
