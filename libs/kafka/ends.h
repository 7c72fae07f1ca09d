/* How many records lie between given positions and the ends of their partitions. Kafka is asked by a thread of its own, so that an event loop
 * does not wait for an answer. */
#ifndef KAFKA_ENDS_H
#define KAFKA_ENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kafka/config.h"

struct kafka_ends;

struct kafka_place {
	const char *topic; /* full name */
	int32_t partition;
	int64_t next_offset; /* the next record that a consumer applies */
};

/* config is borrowed until then, client_id for the call. ERR_FATAL, ERR_INPUT. */
int kafka_ends_open(struct kafka_ends **out, const struct kafka_config *config, const char *client_id,
	struct err *err) ERR_MUST_USE;
void kafka_ends_close(struct kafka_ends **e); /* *e may be NULL; waits for a request in flight, at most 2 s */
/* Begins to ask, unless a request is in flight. Copies the places. */
void kafka_ends_ask(struct kafka_ends *e, const struct kafka_place *places, size_t n);
/* The records behind, of all places of the latest request that was answered: as of its positions, so at most too many. -1: none was, or the
 * latest one failed. Partitions that do not exist do not count. */
int64_t kafka_ends_behind(struct kafka_ends *e);

#endif
