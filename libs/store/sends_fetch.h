/* Fetching the rows that a lane may send next; see sends.h. */
#ifndef STORE_SENDS_FETCH_H
#define STORE_SENDS_FETCH_H

#include "store/sends.h"

struct send_row {
	size_t place; /* of the source that it was fetched for */
	int64_t workspace_id, id;
	int64_t campaign_id; /* 0: single message */
	int16_t segment;
	struct uuid request;
	enum send_kind kind;
	int64_t contact_id;
	struct str address;
	enum send_status status; /* PENDING or UNKNOWN */
	int32_t attempt, generation;
	int64_t next_attempt_us, deadline_us; /* next_attempt_us PG_NO_TIME: from a segment's cursor */
	int64_t created_us;
	int64_t age_ms; /* of UNKNOWN: since it is unknown */
	struct str content;
};

struct send_due_source {
	int64_t workspace_id, account_id;
	int32_t room; /* rows at most */
};
/* Rows of these lanes that are due, the longest due first: single messages, and unknown rows to be resolved; except the
 * ids in `known`, which the caller has already. `each` gets rows whose strings are in the arena. */
int store_sends_due(struct pg *pg, const struct send_due_source *sources, size_t n, const int64_t *known,
	size_t n_known, struct arena *a, void (*each)(void *ctx, const struct send_row *row), void *ctx,
	struct err *err) ERR_MUST_USE;

struct send_segment_source {
	int64_t workspace_id, campaign_id;
	int16_t segment;
	int64_t after_id; /* the last row fetched; at first the segment's cursor */
	int32_t room;
};
/* Rows of these segments that are due for a retry, the longest due first, except `known`; none of a campaign that is
 * not running. after_id is not used. */
int store_sends_retries(struct pg *pg, const struct send_segment_source *sources, size_t n, const int64_t *known,
	size_t n_known, struct arena *a, void (*each)(void *ctx, const struct send_row *row), void *ctx,
	struct err *err) ERR_MUST_USE;
/* The next rows of these segments by id; none of a campaign that is not running or is still being prepared. Fewer rows
 * than `room`: the segment has no more above after_id. */
int store_sends_segment(struct pg *pg, const struct send_segment_source *sources, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct send_row *row), void *ctx, struct err *err) ERR_MUST_USE;

struct send_echo {
	int64_t workspace_id, account_id; /* the account that sent it */
	struct str address;
	int64_t at_us;
	struct str provider_id; /* absent: not known */
};
/* Rows that an echo without an id of ours may belong to: of the same account and address, requested before, and unknown
 * (100 at most) or in flight since before; not when the id is that of another row of about the same time. The caller compares their content, and uses none when several match. */
int store_sends_unknown(struct pg *pg, const struct send_echo *echoes, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct send_row *row), void *ctx, struct err *err) ERR_MUST_USE;

#endif
