/* Segments: the parts of a campaign's recipients, each of which one account sends. Read and written by the owner of the
 * account's lane; RETRY_FAILED by the driver. */
#ifndef STORE_CAMPAIGN_SEGMENTS_H
#define STORE_CAMPAIGN_SEGMENTS_H

#include "store/campaigns.h"

#define CAMPAIGN_SEGMENTS_MAX 16

struct campaign_segment {
	int64_t workspace_id, campaign_id;
	int16_t segment;
	int64_t account_id;
	int32_t partition; /* of the account's lane */
	int64_t cursor_id, moving_to; /* moving_to 0: it stays */
	bool done; /* nothing above the cursor, and nothing waits for a retry */
};
/* Before the campaign is prepared; one that is there stays. */
int store_campaign_segments_insert(struct pg *pg, const struct campaign_segment *rows, size_t n,
	struct err *err) ERR_MUST_USE;
/* Segments of these partitions that are not done. */
int store_campaign_segments_read(struct pg *pg, const int32_t *partitions, size_t n,
	void (*each)(void *ctx, const struct campaign_segment *row), void *ctx, struct err *err) ERR_MUST_USE;
/* Writes cursor_id, moving_to and done, each by the owner of its lane. A cursor never moves back, and a segment of
 * which rows are pending is not done, unless its campaign was cancelled. Started only. */
int store_campaign_segments_write(struct pg *pg, const struct campaign_segment *rows, size_t n,
	struct err *err) ERR_MUST_USE;
/* Gives the segment to account_id, with `partition` of its lane, when `from` has it and none of its rows is in
 * flight. Its unknown rows stay with the account that may have sent them. 1: moved; 0: `from` no longer has it, or
 * something is in flight. */
int store_campaign_segment_move(struct pg *pg, const struct campaign_segment *to, int64_t from,
	struct err *err) ERR_MUST_USE;

/* RETRY_FAILED, a chunk: failed rows from after_id on that kept their content become due again, as the next
 * generation, and their segments are no longer done. *last_id: where to go on; 0: no more. `slot`: partition of the
 * driver. */
int store_campaign_retry_failed(struct pg *pg, const struct campaign_key *key, int64_t after_id, int limit,
	int32_t slot, int64_t *last_id, struct err *err) ERR_MUST_USE;

#endif
