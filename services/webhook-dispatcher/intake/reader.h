/* The three readers of one partition, and what the readers of all partitions share. */
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
	struct reader **at; /* by partition; NULL: not acquired */
	size_t n;
};

/* The second reader: see catch_up.h. */
struct catch_up {
	bool reading;
	int64_t last; /* offset of the previous record; before the first one: one less than where the scan started */
	bool holding;
	struct kafka_message held; /* the next record; feeds on the scan may have no room for it yet */
	int64_t retry_mono_ms;
	struct bucket allowance; /* records that may be read now */
	struct source_marks *marks;
};

/* The third reader: see refetch.h. */
struct refetch {
	bool reading;
	int64_t next; /* the next record has this offset or a higher one */
	int64_t retry_mono_ms;
};

struct reader {
	struct readers *all;
	struct partition partition;
	bool held; /* the consumer has paused the partition */
	struct catch_up catch_up;
	struct refetch refetch;
	struct source_marks *marks;
};

/* The partition of chat-event, the owner's only topic. */
static inline struct topic_partition chat_event_partition(int32_t number)
{
	return (struct topic_partition){ 0, number };
}

struct reader *reader_new(struct readers *all, int32_t number, int64_t next_offset);
void reader_free(struct reader *r);
/* Admits a record of the live stream to the lanes of its workspace. The record is borrowed. */
void reader_consume(struct reader *r, const struct kafka_message *m);
/* Back-pressure: pauses or resumes the partition at the consumer. */
void reader_hold(struct reader *r, int64_t now_mono_ms);

#endif
