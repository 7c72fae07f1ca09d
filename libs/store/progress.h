/* The progress of a consumer in a partition, under an epoch that fences off earlier owners.
 * Source: proto/README.md, Delivery. */
#ifndef STORE_PROGRESS_H
#define STORE_PROGRESS_H

#include "pg/pg.h"

enum outcome {
	OUTCOME_APPLIED,
	OUTCOME_NO_EFFECT,
	OUTCOME_FILTERED,
	OUTCOME_PARKED,
	OUTCOME_DEAD_LETTERED,
	OUTCOME_SKIPPED,
	OUTCOMES
};
const char *store_outcome_word(enum outcome o);

#define PROGRESS_NO_OFFSET (-1)

struct progress {
	const char *topic; /* full name, borrowed */
	int32_t partition;
	int64_t epoch, seq;
	int64_t next_offset; /* PROGRESS_NO_OFFSET: nothing read yet, start at the low watermark */
};

/* Acquires partitions: raises their epoch (which waits for a transaction of the previous owner that is still open) and
 * fills epoch, seq and next_offset of each. Runs in a transaction of its own. ERR_FATAL "cluster_id" when a row belongs
 * to another Kafka cluster, unless reset_cluster, which then starts anew. */
int store_progress_claim(struct pg *pg, const char *consumer, const char *cluster_id, bool reset_cluster,
	struct progress *rows, size_t n, struct err *err) ERR_MUST_USE;

/* Locks the rows of these partitions, in order of topic and partition, checking epoch and next_offset. ERR_FENCED when
 * one of them has another owner; *lost (may be NULL) is then the index of the first. */
int store_progress_lock(struct pg *pg, const char *consumer, const struct progress *rows, size_t n, size_t *lost,
	struct err *err) ERR_MUST_USE;

struct progress_step {
	const char *topic; /* as above */
	int32_t partition;
	int64_t seq; /* new value */
	int64_t next_offset; /* new value; PROGRESS_NO_OFFSET leaves it */
	int64_t first_offset; /* of this step: start_offset when there was none */
	int64_t counts[OUTCOMES];
};
/* Advances locked rows. Started only (pg_start). */
int store_progress_advance(struct pg *pg, const char *consumer, const struct progress_step *steps, size_t n,
	struct err *err) ERR_MUST_USE;

/* For blazzctl: every row of a consumer (NULL: all), ordered. *out is freed with free(). */
struct progress_info {
	char consumer[64], topic[200], cluster_id[64];
	int32_t partition;
	int64_t epoch, seq, start_offset, next_offset;
	int64_t counts[OUTCOMES];
	int64_t updated_at_us;
};
int store_progress_list(struct pg *pg, const char *consumer, struct progress_info **out, size_t *n,
	struct err *err) ERR_MUST_USE;
/* Sets next_offset and start_offset, clears the counts and raises the epoch, so that a running owner is fenced off.
 * ERR_INPUT when there is no such row. PROGRESS_NO_OFFSET: start at the low watermark. */
int store_progress_reset(struct pg *pg, const char *consumer, const char *topic, int32_t partition, int64_t next_offset,
	struct err *err) ERR_MUST_USE;

#endif
