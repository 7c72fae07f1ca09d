/* chat-sync: its state, and the callbacks of the worker. */
#ifndef CHAT_SYNC_SYNC_H
#define CHAT_SYNC_SYNC_H

#include "chat-sync/settings.h"
#include "chat-sync/topics.h"
#include "worker/worker.h"

struct chat_sync;

extern const struct worker_ops chat_sync_ops;

/* All borrowed. Topics by full name; those of inbound in the order of topics.h. */
struct chat_sync *chat_sync_new(const struct chat_sync_settings *settings, const char *inbound_topic,
	const char *bulk_topic, const char *chat_event_topic);
void chat_sync_free(struct chat_sync *s);

#endif
