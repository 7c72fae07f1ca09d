/* The map of a copy from one Kafka cluster to another: which offset of the old cluster each partition of the new one
 * began with, and how far it was copied. A file of JSON:
 *
 *   {"from": "<cluster id>", "to": "<cluster id>", "topics": [{"topic": "blazz.inbound.v1", "compacted": false,
 *    "partitions": [{"first": 1200, "next": 5713}, ...]}, ...]}
 *
 * A record at old offset o has offset o - first in the new cluster; next is the first old offset that is not copied. */
#ifndef COPY_MAP_H
#define COPY_MAP_H

#include "kafka/topics.h"

struct copy_range {
	int64_t first, next;
};

struct copy_topic {
	char name[TOPIC_NAME_MAX];
	bool compacted; /* its offsets have gaps, and are stored nowhere: first has no meaning */
	size_t n; /* partitions */
	struct copy_range *at;
};

struct copy_map {
	char from[64], to[64]; /* cluster ids; empty: not known yet */
	struct copy_topic *topics;
	size_t n;
};

/* ERR_INPUT when the file is not such a map; with `missing_ok` the map of a file that does not exist is empty. The map
 * is freed with copy_map_fini(). */
int copy_map_read(const char *path, bool missing_ok, struct copy_map *out, struct err *err) ERR_MUST_USE;
/* Replaces the file as a whole: after a crash it is the former map or this one, on disk. ERR_INPUT. */
int copy_map_write(const char *path, const struct copy_map *map, struct err *err) ERR_MUST_USE;
void copy_map_fini(struct copy_map *map);
struct copy_topic *copy_map_find(const struct copy_map *map, const char *topic); /* NULL: not in the map */
/* Adds a topic that is not in the map, with ranges of 0. Borrowed from the map until the next topic is added. */
struct copy_topic *copy_map_add(struct copy_map *map, const char *topic, size_t partitions);

#endif
