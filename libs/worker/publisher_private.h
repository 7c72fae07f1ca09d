/* Internals of the publisher. Only publisher*.c include it. The life of a row in its slot's list:
 *
 *   queued --row_hand_over()--> in flight --all acknowledged, and first of its slot--> acked --publisher_deleted()--> freed
 *     ^                            | a record failed
 *     +-publisher_slot_restart()---+   every row of the slot that is not acknowledged starts again, after all reports
 *
 *   publisher.c        the producer: passes records to it, receives its reports
 *   publisher_slot.c   rows in memory, slot by slot: what happens to them after a report or a failure
 *   publisher_stats.c  what is outstanding
 *
 * Invariant: rows of a slot are acknowledged in order, and only the first may be.
 */
#ifndef WORKER_PUBLISHER_PRIVATE_H
#define WORKER_PUBLISHER_PRIVATE_H

#include "base/buf.h"
#include "worker/publisher.h"

struct publisher_row {
	struct publisher_row *next;
	struct publisher_slot *slot; /* NULL: dropped, and freed with its last report */
	struct topic_partition partition;
	struct str topic; /* as in the outbox row */
	int64_t epoch, seq;
	int64_t committed_mono_ms;
	struct buf records;
	size_t at;        /* how far the records were passed to the producer */
	bool handed_over; /* all of them were */
	size_t in_flight;
	bool failed;
};

struct publisher_slot {
	struct publisher_slot *next;
	struct topic_partition partition;
	struct publisher_row *first, *last;
	size_t rows, in_flight;
	/* In this attempt. rejected: the broker rejected a record; other failures are not its answer. */
	bool failed, rejected;
	bool behind; /* the outbox has rows that are not in memory */
	int rejections; /* of its first row, in a row */
	char cause[48]; /* error code of the last one */
	int64_t retry_mono_ms;
	int64_t oldest_mono_ms; /* commit time of its oldest row, in memory or left in the outbox; 0: no row waits */
};

struct publisher {
	struct kafka_producer *producer;
	struct publisher_slot *slots;
	struct publisher_row *acked;
	size_t total;
	void (*acknowledged)(void *ctx, struct topic_partition slot, int64_t epoch, int64_t seq); /* NULL: not wanted */
	void *ctx;
};

#define BLOCKED_AFTER 2 /* rejections in a row: after these the failure is not transient */

/* publisher_slot.c */

/* NULL: there is none. */
struct publisher_slot *publisher_slot_find(const struct publisher *p, struct topic_partition partition);
bool publisher_slot_is_blocked(const struct publisher_slot *s);
/* After a failure nothing more is passed to the producer until all reports have arrived; then every row that is not
 * acknowledged starts again. The rows of a blocked slot are read from the outbox again: an operator may have dropped
 * the row. */
void publisher_slot_restart(struct publisher *p, struct publisher_slot *s);
/* Acknowledges the rows from the first on whose records are all acknowledged. */
void publisher_slot_acknowledge(struct publisher *p, struct publisher_slot *s);
/* One of its records failed. */
void publisher_row_fail(struct publisher_row *r, const struct err *failure);
void publisher_row_free(struct publisher_row *r);

#endif
