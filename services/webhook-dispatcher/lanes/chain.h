/* The order within a lane; see model.h. None of these tells the scheduler whether the lane can run: lane_update() does. */
#ifndef WEBHOOK_DISPATCHER_CHAIN_H
#define WEBHOOK_DISPATCHER_CHAIN_H

#include "webhook-dispatcher/lanes/model.h"

struct chain *chain_of(struct lane *l, const struct uuid *key); /* creates it */
struct chain *chain_find(const struct lane *l, const struct uuid *key); /* NULL: none */
void chain_free(struct chain *c); /* with all that waits in it */
/* The key of an event that came by this feed. A replay keeps an order of its own: it never waits for the live stream, nor that for it. */
struct uuid chain_key(const struct feed *f, const struct event *e);

void chain_add_row(struct chain *c, int64_t offset);
void chain_drop_row(struct chain *c);
/* Waits in its place: rows come before everything else, in the order of their offsets. */
void chain_push(struct chain *c, struct delivery *d);
struct delivery *chain_pop(struct chain *c); /* the first, which there must be */
void chain_remove(struct chain *c, struct delivery *d); /* one that waits */
/* Ends without an attempt, or after one: a row that waits, or nothing. */
void chain_end_delivery(struct delivery *d, enum delivery_end end, int64_t delay_ms);
/* It stays in flight, but its offset is passed: a row is written that is leased to it. False: it has one. */
bool chain_spill_delivery(struct delivery *d);
/* One of its deliveries has failed: claimed rows behind it wait again. */
void chain_unclaim(struct chain *c);
/* After anything has changed: ready, blocked, or (empty) freed. */
void chain_update(struct chain *c);

#endif
