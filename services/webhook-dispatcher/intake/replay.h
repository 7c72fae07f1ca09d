/* Replays that are running: what is delivered again, to which endpoint; each has a feed in every lane of its endpoint. */
#ifndef WEBHOOK_DISPATCHER_REPLAY_H
#define WEBHOOK_DISPATCHER_REPLAY_H

#include "store/webhook_replays.h"
#include "webhook-dispatcher/intake/readers.h"

struct replay {
	struct replay_row row;
	struct uuid uuid;
	struct arena *arena; /* of the row */
	struct map *delivered; /* events that are not missing; NULL: all are wanted */
	bool running; /* still running, as PostgreSQL was read last */
};

/* Reads what is running: begins what is new in the partitions that are ours, forgets what has ended. */
int replays_refresh(struct readers *rs, struct pg *pg, struct err *err) ERR_MUST_USE;
/* When partitions were acquired: the same, from the positions that PostgreSQL has. */
int replays_load(struct readers *rs, struct pg *pg, const int32_t *partitions, size_t n, struct err *err) ERR_MUST_USE;
void replays_clear(struct readers *rs); /* after the partitions */
/* Whether the event is part of it. */
bool replay_includes(const struct replay *r, const struct endpoint *e, const struct reading *event);

#endif
