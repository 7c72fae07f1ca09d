/* What reads the records of one partition, and what the readers of all partitions share. */
#ifndef WEBHOOK_DISPATCHER_READER_H
#define WEBHOOK_DISPATCHER_READER_H

#include "webhook-dispatcher/endpoints/endpoint_cache.h"
#include "webhook-dispatcher/lanes/model.h"
#include "worker/owner.h"

struct kafka_scanner;
struct source_marks;

struct readers {
	const struct dispatcher_settings *settings;
	struct owner *owner;
	struct kafka_scanner *scanner, *refetcher; /* for lanes that are behind, and for rows without their event */
	struct endpoint_cache *endpoints;
	struct lane_shared *lanes;
	struct arena *reading; /* of one record */
	struct map *replays; /* by id */
	const char *topic;
	struct reader **at; /* by partition; NULL: not ours */
	size_t n;
};

/* The second reader of the partition. */
struct catch_up {
	bool reading;
	int64_t last; /* offset read last; before the first: one less than where it began */
	bool holding;
	struct kafka_message held; /* no feed on the pass has room for it */
	int64_t retry_mono_ms;
	struct bucket allowance; /* records that may be read */
	struct source_marks *marks;
};

/* The third one: the events of the partition's wants. */
struct refetch {
	bool reading;
	int64_t next; /* offset that comes next, at least */
	int64_t retry_mono_ms;
};

struct reader {
	struct readers *all;
	struct partition partition;
	bool held; /* the consumer returns nothing of it */
	struct catch_up catch_up;
	struct refetch refetch;
	struct source_marks *marks;
};

/* Of the owner's one topic. */
static inline struct topic_partition chat_event_partition(int32_t number)
{
	return (struct topic_partition){ 0, number };
}

struct reader *reader_new(struct readers *all, int32_t number, int64_t next_offset);
void reader_free(struct reader *r);
/* One record of the live stream, which is borrowed. */
void reader_consume(struct reader *r, const struct kafka_message *m);
/* Back-pressure: the consumer returns more of it, or nothing for now. */
void reader_hold(struct reader *r, int64_t now_mono_ms);

#endif
