/* The order within a lane; see model.h. These functions do not tell the fair queue whether the lane can run: lane_update() does. */
#ifndef WEBHOOK_DISPATCHER_CHAIN_H
#define WEBHOOK_DISPATCHER_CHAIN_H

#include "webhook-dispatcher/lanes/model.h"

struct chain *chain_ensure(struct lane *l, const struct uuid *key); /* creates it if there is none */
struct chain *chain_find(const struct lane *l, const struct uuid *key); /* NULL: none */
void chain_free(struct chain *c); /* with the deliveries that wait in it */
/* The key of the chain of an event that this feed admits. A replay has chains of its own: it never waits for the live stream, nor the live
 * stream for it. */
struct uuid chain_key(const struct feed *f, const struct event *e);

/* Count a row of the retry queue. */
void chain_add_row(struct chain *c, int64_t offset);
void chain_drop_row(struct chain *c);
/* Inserts a pending delivery in order: those with a row come first, by offset; then the others, as they were admitted. */
void chain_push(struct chain *c, struct delivery *d);
struct delivery *chain_pop(struct chain *c); /* the first one; at least one must wait */
void chain_remove(struct chain *c, struct delivery *d); /* a pending one */
/* Ends a delivery of a chain, with or without an attempt, and moves it to the journal. delay_ms: for END_RETRY. */
void chain_end_delivery(struct delivery *d, enum delivery_end end, int64_t delay_ms);
/* Gives a delivery in flight a row of the retry queue that is leased to it, so that the offset can advance past it. Returns false when it
 * has one already. */
bool chain_spill_delivery(struct delivery *d);
/* One of its deliveries has failed: its claimed rows go back to the retry queue and wait there. */
void chain_unclaim(struct chain *c);
/* To be called after any change of a chain: makes it ready or not, or frees it when it is empty. */
void chain_update(struct chain *c);

#endif
