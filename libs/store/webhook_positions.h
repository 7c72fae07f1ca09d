/* The position of an endpoint in a partition while it is not live: one row, however many records it has missed.
 *
 *   next_offset .......... live_from .......... the partition's own next_offset ..........
 *   |   to be delivered    |   delivered live   |   to be delivered
 *
 * live_from is set when the endpoint has caught up while its last deliveries before live_from are still pending or in
 * flight. */
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
/* These endpoints were deleted: deletes all their positions in these partitions, including those of their replays. */
int store_positions_delete(struct pg *pg, struct str topic, const int32_t *partitions, size_t n_partitions,
	const struct endpoint_key *endpoints, size_t n, struct err *err) ERR_MUST_USE;

#endif
