/* The retry queue: deliveries that wait for their next attempt. A row belongs to the owner of its partition of
 * chat-event; unique per (endpoint, event) among rows that are not finished. Times are PostgreSQL's.
 *
 * Ordering: of the rows of one (endpoint, ordering key) only the oldest by offset is ever due; the others wait
 * (next_retry_at infinity) until store_retries_release() makes the next one due.
 *
 * Texts that come from outside (url, last_error) must be storable (base/utf8.h): that is the caller's duty. */
#ifndef STORE_WEBHOOK_RETRIES_H
#define STORE_WEBHOOK_RETRIES_H

#include "base/arena.h"
#include "store/webhook_endpoints.h"

enum retry_status { RETRY_PENDING, RETRY_RETRYING, RETRY_SUCCESS, RETRY_FAILED };
const char *store_retry_status_word(enum retry_status s);

#define RETRY_WAITS (-1) /* delay_ms: it waits behind another row, or for its endpoint, until it is released */

struct retry_row {
	int64_t workspace_id, id, endpoint_id;
	struct uuid account, event_id; /* account nil: none */
	struct str event_type, url;
	/* The event's whole record (wire/records.h); absent: the record is read again by its offset. */
	struct str record;
	struct uuid ordering_key; /* nil: none */
	int32_t partition;
	int64_t offset, timestamp_ms;
	int32_t retry_count, max_retries;
	int64_t delay_ms; /* in: due after this time, or RETRY_WAITS */
	/* In: RETRY_PENDING, or RETRY_RETRYING (delay_ms: its lease) for an attempt in flight. */
	enum retry_status status;
	struct str last_error;
	/* Out of store_retries_claim(): an operator dropped it; the owner finishes it as failed, without an attempt. */
	bool dropped;
	/* Out of store_retries_insert(): false when the event has a row already; id is then that row's. */
	bool inserted;
};

/* Fills id and inserted. A row that the event has already, and that waits, becomes due or leased as the new one would have been. */
int store_retries_insert(struct pg *pg, const char *owner, struct retry_row *rows, size_t n,
	struct err *err) ERR_MUST_USE;

/* Started only (pg_start): writes the results of attempts on rows. Success clears the record; failed keeps it. A row
 * that is finished or deleted does not change. */
struct retry_result {
	int64_t workspace_id, id;
	enum retry_status status; /* PENDING (due in delay_ms, or RETRY_WAITS), SUCCESS or FAILED */
	int32_t retry_count;
	int64_t delay_ms;
	struct str last_error; /* absent: as it was */
};
int store_retries_finish(struct pg *pg, const struct retry_result *results, size_t n, struct err *err) ERR_MUST_USE;

/* Started only (pg_start): for each (endpoint, ordering key) of which no row is due, leased or scheduled, makes the
 * oldest waiting row due now. */
struct retry_key {
	int64_t workspace_id, endpoint_id;
	struct uuid ordering_key;
};
int store_retries_release(struct pg *pg, const struct retry_key *keys, size_t n, struct err *err) ERR_MUST_USE;
/* The endpoints are live again: makes all their rows in these partitions due that may be, including those scheduled for
 * later (the oldest row of each key of which none is leased; rows without a key). */
int store_retries_release_endpoints(struct pg *pg, const int32_t *partitions, size_t n_partitions,
	const struct endpoint_key *endpoints, size_t n, struct err *err) ERR_MUST_USE;

/* Up to `limit` due rows of each partition, each with up to 31 rows that wait right behind it in its chain, in order;
 * `room` rows at most, in total: of the last chain its first ones. Workspaces take turns, row by row, each with its
 * earliest due row first. Leased for lease_ms (a row whose lease has expired is due again). SKIP LOCKED. */
int store_retries_claim(struct pg *pg, const char *owner, const int32_t *partitions, size_t n, int limit, int room,
	int64_t lease_ms, struct arena *a, void (*each)(void *ctx, const struct retry_row *row), void *ctx,
	struct err *err) ERR_MUST_USE;

/* After acquiring partitions: ends the leases of former owners, makes the oldest row of each key due if it waited, also
 * for its endpoint, and counts the rows that are not finished per (partition, endpoint, ordering key). */
struct retry_count {
	int32_t partition;
	int64_t workspace_id, endpoint_id;
	struct uuid ordering_key; /* nil: the rows without */
	int64_t rows, last_offset; /* last_offset: of the latest of them */
};
int store_retries_recover(struct pg *pg, const int32_t *partitions, size_t n,
	void (*each)(void *ctx, const struct retry_count *count), void *ctx, struct err *err) ERR_MUST_USE;
/* Endpoints were deleted: finishes their rows in these partitions as failed. */
int store_retries_abandon(struct pg *pg, const int32_t *partitions, size_t n_partitions,
	const struct endpoint_key *endpoints, size_t n, struct err *err) ERR_MUST_USE;

/* Counts the unfinished rows of these partitions: in attempt, due or scheduled, waiting; and how long the oldest due
 * row has been due (0: none is due). Reads every such row: for metrics, a few times a minute. */
struct retry_depth {
	int64_t retrying, pending, waiting;
	int64_t oldest_due_ms;
};
int store_retries_depth(struct pg *pg, const int32_t *partitions, size_t n, struct retry_depth *out,
	struct err *err) ERR_MUST_USE;
/* Deletes finished rows older than keep_ms, at most limit. */
int store_retries_expire(struct pg *pg, int64_t keep_ms, int limit, int64_t *deleted, struct err *err) ERR_MUST_USE;

#endif
