/* Whether a lane is live or behind, and the position that follows from it. See model.h. Source: README.md, Live or behind.
 *
 * Invariant: while a lane is behind, only the catch-up reader feeds it, in order.
 */
#ifndef WEBHOOK_DISPATCHER_LANE_STATE_H
#define WEBHOOK_DISPATCHER_LANE_STATE_H

#include "webhook-dispatcher/lanes/model.h"

/* Switches the lane to catch-up: pending deliveries become rows, or are discarded and read again later. */
void lane_fall_behind(struct lane *l, int64_t now_mono_ms);
void lane_go_live(struct lane *l);
/* Sets the position that PostgreSQL has, when the partition was acquired. */
void lane_load_position(struct lane *l, const struct position_row *row);
/* The endpoint has become live, or is no longer live. */
void lane_endpoint_changed(struct lane *l, int64_t now_mono_ms);
/* The position that PostgreSQL must have now; false: none. */
bool lane_position(const struct lane *l, int64_t *next_offset, int64_t *live_from);

#endif
