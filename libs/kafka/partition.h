/* A partition of one of several topics; and the partition of a key. */
#ifndef KAFKA_PARTITION_H
#define KAFKA_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* The partition, below `partitions` (at least 1), in which kafka_produce() with KAFKA_ANY_PARTITION and every producer that
 * follows proto/README.md, Publishing, puts a record with this key: murmur2, as Java clients do. The key is not absent: records
 * without one go to a random partition. */
int32_t kafka_partition_of(struct str key, int32_t partitions);

struct topic_partition {
	int32_t topic; /* index into the topics of its consumer */
	int32_t number;
};

/* Negative, zero, positive on (topic, number). */
static inline int topic_partition_cmp(struct topic_partition a, struct topic_partition b)
{
	if (a.topic != b.topic)
		return a.topic < b.topic ? -1 : 1;
	return (a.number > b.number) - (a.number < b.number);
}

static inline bool topic_partition_eq(struct topic_partition a, struct topic_partition b)
{
	return a.topic == b.topic && a.number == b.number;
}

#endif
