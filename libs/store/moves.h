/* Moving everything that is stored under Kafka offsets to another cluster. Role blazz_ops, all within one transaction
 * that begins with store_move_begin(); nothing is changed before every check has passed.
 *
 * Offsets are stored in consumer_progress, webhook_positions, webhook_retry_queue and parked_updates, and nowhere else:
 * tests/unit/store/test_moves.c compares that with the catalogue. */
#ifndef STORE_MOVES_H
#define STORE_MOVES_H

#include "pg/pg.h"

/* A partition: old offset - new offset is `first`; the records below the old offset `next` are in the new cluster. */
struct move_partition {
	const char *topic; /* full name, borrowed */
	int32_t partition;
	int64_t first, next;
};

struct move {
	const char *from, *to; /* cluster ids, borrowed */
	const char *events; /* chat-event's full name: rows of the retry queue name only its partition */
	const struct move_partition *partitions;
	size_t n;
};

/* Rows changed. */
struct moved {
	int64_t progress, positions, retries, parked;
	int64_t lost; /* records of positions, summed, that retention removed before they were read: each starts at 0 */
};

/* Locks all progress until the end of the transaction, so that no consumer acquires or advances a partition, and lifts
 * the session's statement timeout for it. */
int store_move_begin(struct pg *pg, struct err *err) ERR_MUST_USE;
/* ERR_INPUT "busy" naming one: a lease is held, or a service is connected to the database. "unsettled": an erasure that has not begun, or a
 * restore that is not accepted, waits for offsets of these topics. */
int store_move_check_idle(struct pg *pg, struct err *err) ERR_MUST_USE;
/* ERR_INPUT naming the first: "cluster" progress belongs to another cluster than `from`; "map" an offset is stored for a
 * partition that the map does not have; "offset" the next offset of a consumer is not among the offsets copied. */
int store_move_check_map(struct pg *pg, const struct move *move, struct err *err) ERR_MUST_USE;
int store_move_apply(struct pg *pg, const struct move *move, struct moved *out, struct err *err) ERR_MUST_USE;

/* Forgets a consumer: its progress in this topic (full name), or with NULL in every one. *rows: how many partitions. ERR_INPUT "busy" while a session of its
 * role is connected or its outbox has rows; "unknown" when it has no progress. In a transaction. */
int store_progress_forget(struct pg *pg, const char *consumer, const char *topic, int64_t *rows,
	struct err *err) ERR_MUST_USE;

#endif
