/* The partition of a key; see partition.h. Computed by librdkafka's own function, which its partitioner murmur2_random uses for every
 * record with a key, so that this function and the producer cannot disagree. */
#include "kafka/partition.h"

#include <assert.h>

#include <librdkafka/rdkafka.h>

int32_t kafka_partition_of(struct str key, int32_t partitions)
{
	assert(key.p && partitions > 0);
	return rd_kafka_msg_partitioner_murmur2(NULL, key.p, key.n, partitions, NULL, NULL);
}
