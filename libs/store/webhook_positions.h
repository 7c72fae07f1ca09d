/* How far an endpoint that is not fed live has got in a partition. One row however much it misses.
 *
 * Everything from next_offset on is still to come, but for what lies in [live_from, the partition's own next_offset): that was delivered
 * live, when the endpoint had caught up and only its last deliveries before live_from were not settled yet. */
#ifndef STORE_WEBHOOK_POSITIONS_H
#define STORE_WEBHOOK_POSITIONS_H

#include "store/webhook_endpoints.h"

#define POSITION_NOT_LIVE (-1)

struct position_row {
	int64_t workspace_id, endpoint_id;
	int32_t partition;
	int64_t next_offset;
	int64_t live_from; /* POSITION_NOT_LIVE: it has not caught up */
	bool gone; /* store_positions_write(): delete it */
};
/* The live stream's positions (no replay) of these partitions of the topic. */
int store_positions_read(struct pg *pg, struct str topic, const int32_t *partitions, size_t n,
	void (*each)(void *ctx, const struct position_row *row), void *ctx, struct err *err) ERR_MUST_USE;
int store_positions_write(struct pg *pg, struct str topic, const struct position_row *rows, size_t n,
	struct err *err) ERR_MUST_USE;
/* These endpoints were deleted: all they have in these partitions goes, positions of their replays included. */
int store_positions_forget(struct pg *pg, struct str topic, const int32_t *partitions, size_t n_partitions,
	const struct endpoint_key *endpoints, size_t n, struct err *err) ERR_MUST_USE;

#endif
