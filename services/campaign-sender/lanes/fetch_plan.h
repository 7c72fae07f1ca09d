/* Fetching inside this folder; lanes.h has what others call. */
#ifndef CAMPAIGN_SENDER_FETCH_PLAN_H
#define CAMPAIGN_SENDER_FETCH_PLAN_H

#include "campaign-sender/lanes/model.h"

/* A row has left memory's queue: rows may be wanted now. */
void lane_note_room(struct lane *lane);
void segment_note_room(struct segment *s);

#endif
