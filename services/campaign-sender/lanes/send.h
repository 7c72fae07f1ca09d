/* A send and the lists it is in: each function keeps the counters of its lane and segment. None of them schedules the lane. */
#ifndef CAMPAIGN_SENDER_SEND_H
#define CAMPAIGN_SENDER_SEND_H

#include "campaign-sender/lanes/model.h"

struct send *send_new(struct lane *lane, struct segment *s, const struct send_row *row);
void send_free(struct send *s); /* in no list */
struct send *lane_find_send(const struct lane *lane, int64_t id);

/* Whether its row is due for a retry: it does not belong to what is above its segment's cursor. */
bool send_is_retry(const struct send *s);
/* Makes it wait, in the list that its members say. */
void send_wait(struct send *s);
/* Removes a waiting one from its list. */
void send_unwait(struct send *s);
/* A waiting one is chosen. */
void send_choose(struct send *s);
/* It was chosen, and is not sent: its pair is as it was before. */
void send_give_pair_back(const struct send *s);
/* Removes one that is chosen, in flight or answered from its lane, or from the orphans. */
void send_remove(struct send *s);
/* No longer counts as being in flight; it stays in its list. */
void send_uncount(struct send *s);
/* Chosen: no longer counted as such. */
void send_unchoose(struct send *s);
/* Puts one that is in flight or answered into a lane, or out of it among the orphans. */
void send_orphan(struct send *s);
void send_adopt(struct send *s, struct lane *lane);
/* Binds one in the list in_flight of its lane to its segment. */
void send_bind(struct send *s, struct segment *segment);

#endif
