/* Deliveries and the retry queue as blazzctl shows them, and an operator's changes of the queue. Role blazz_ops.
 * Strings are borrowed for the call of each(). */
#ifndef STORE_WEBHOOK_OPS_H
#define STORE_WEBHOOK_OPS_H

#include "pg/pg.h"
#include "store/webhook_endpoints.h"

struct position_info {
	struct str topic;
	int32_t partition;
	int64_t next_offset, live_from; /* live_from -1: it has not caught up */
	/* Offsets between the endpoint's position and the dispatcher's; -1: the partition was not read yet. */
	int64_t behind;
	int64_t updated_us;
};
int store_endpoint_positions(struct pg *pg, const struct endpoint_key *endpoint,
	void (*each)(void *ctx, const struct position_info *p), void *ctx, struct err *err) ERR_MUST_USE;

struct attempt_info {
	struct uuid event_id;
	struct str event_type, outcome, excerpt, error;
	int32_t attempt, status; /* status 0: none */
	int64_t at_us;
	int32_t dns_us, connect_us, tls_us, first_byte_us, total_us; /* -1: the attempt did not reach that phase */
};
/* The latest attempts, newest first. */
int store_endpoint_attempts(struct pg *pg, const struct endpoint_key *endpoint, int limit,
	void (*each)(void *ctx, const struct attempt_info *a), void *ctx, struct err *err) ERR_MUST_USE;

/* Selects rows; each member may be absent: nil, NULL, 0. */
struct retry_filter {
	struct uuid endpoint;
	const char *status; /* "pending", "retrying", "success", "failed" */
	int64_t id;
};
struct retry_info {
	int64_t workspace_id, id;
	struct uuid endpoint, event_id, ordering_key;
	struct str event_type, url, status, last_error, lease_owner;
	int32_t retry_count, max_retries, partition;
	int64_t offset, created_us, updated_us;
	int64_t next_retry_us; /* PG_NO_TIME: it waits for another row or for its endpoint, or is finished */
	bool dropped;
};
/* In order of their ids, at most limit. */
int store_retries_list(struct pg *pg, const struct retry_filter *filter, int limit,
	void (*each)(void *ctx, const struct retry_info *r), void *ctx, struct err *err) ERR_MUST_USE;
/* Scheduled rows become due. Failed rows become pending and due now, with their whole schedule before them, unless
 * their event is pending again already, or they were dropped and have no record (an erasure has emptied them); they lose
 * their place in the order of their conversation, whose later events were delivered meanwhile. Other rows are not changed. *changed: the number of rows. */
int store_retries_again(struct pg *pg, const struct retry_filter *filter, int64_t *changed,
	struct err *err) ERR_MUST_USE;
/* Rows that are not finished end as failed without another attempt when their partition's owner claims them, which for
 * a waiting row is in its turn; finished rows are deleted. */
int store_retries_drop(struct pg *pg, const struct retry_filter *filter, int64_t *changed,
	struct err *err) ERR_MUST_USE;

#endif
