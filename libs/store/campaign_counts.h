/* What a statement did to the counters of campaigns, added up, and written by one statement. Private to libs/store.
 *
 * Invariant: whatever changes the status of a campaign's row of sends counts the change here, in the same
 * transaction, so that the sum of campaign_counts equals a recount. */
#ifndef STORE_CAMPAIGN_COUNTS_H
#define STORE_CAMPAIGN_COUNTS_H

#include "store/sends.h"

/* The send window of a bridge's campaign that has none, nor its workspace: in local time. */
#define CAMPAIGN_BRIDGE_WINDOW "{\"from\": \"08:00\", \"to\": \"20:00\"}"
/* That of a workspace, given its settings for sending. One that is not valid (settings are not checked) leaves the default of
 * bridges in force. */
#define WORKSPACE_WINDOW(sending) \
	" CASE WHEN send_window_is_valid(" sending " -> 'window') THEN " sending " -> 'window' END"

struct count_change {
	int64_t workspace_id, campaign_id;
	int32_t slot;
	int64_t recipients, sent, delivered, read, failed, skipped, unknown;
};

/* Zeroed is empty. */
struct campaign_counts {
	struct count_change *rows;
	size_t n, cap;
};
void counts_fini(struct campaign_counts *c);
/* The changes of one campaign, created when there are none yet; borrowed until the next call. */
struct count_change *counts_of(struct campaign_counts *c, int64_t workspace_id, int64_t campaign_id, int32_t slot);
/* A row was in one status and is in another. Rows of single messages (campaign_id 0) are not counted. */
void counts_move(struct campaign_counts *c, int64_t workspace_id, int64_t campaign_id, int32_t slot,
	enum send_status was, enum send_status status);
/* Writes them, as `source` ("lane", "status", "driver"), and empties c, also on failure. Started only (pg_start). */
int counts_write(struct campaign_counts *c, struct pg *pg, const char *source, struct err *err) ERR_MUST_USE;

#endif
