/* The state that chat-sync keeps between batches, used by the worker's thread only. */
#ifndef CHAT_SYNC_STATE_H
#define CHAT_SYNC_STATE_H

#include "chat-sync/report.h"
#include "chat-sync/topics.h"
#include "chat-sync/work.h"

struct chat_sync {
	const struct chat_sync_settings *settings;
	const char *topics[2]; /* full names, by index (topics.h) */
	const char *chat_event_topic;
	struct cache cache;
	struct map *by_key, *effect_keys, *index;
	struct buf scratch;
	bool cache_stale; /* the sweep changed rows that the cache has: it is cleared on commit */
	bool rejected; /* the last batch failed and may have been rejected: its records are applied again, in parts */
	/* By topic: where the next sweep continues its search for parked updates to apply. */
	struct parked_place swept[2];
	struct merging merging;
	struct report report;
};

#endif
