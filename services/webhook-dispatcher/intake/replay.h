/* Running replays: which events are delivered again, to which endpoint. Each has a feed in every lane of its endpoint. */
#ifndef WEBHOOK_DISPATCHER_REPLAY_H
#define WEBHOOK_DISPATCHER_REPLAY_H

#include "store/webhook_replays.h"
#include "webhook-dispatcher/intake/readers.h"

struct replay {
	struct replay_row row;
	struct uuid uuid;
	struct arena *arena; /* of the row */
	struct map *delivered; /* ids of events that were delivered; NULL: these are replayed, too */
	bool running; /* it was when PostgreSQL was read last */
};

/* Reads the running replays from PostgreSQL. Starts new ones in the acquired partitions, removes those that have ended. */
int replays_refresh(struct readers *rs, struct pg *pg, struct err *err) ERR_MUST_USE;
/* The same after partitions were acquired: replays continue at the positions that PostgreSQL has. */
int replays_load(struct readers *rs, struct pg *pg, const int32_t *partitions, size_t n, struct err *err) ERR_MUST_USE;
void replays_clear(struct readers *rs); /* after the partitions were freed */
/* Whether the replay includes the event. */
bool replay_includes(const struct replay *r, const struct endpoint *e, const struct event_record *record);

#endif
