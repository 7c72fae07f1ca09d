/* Counters, compared with the rows that they count. Each statement reads counters and rows in one snapshot, and whoever writes a row writes
 * its counter in the same transaction: so a difference is an error of a program, never a row that is being written. Role blazz_cleanup. */
#ifndef STORE_CLEANUP_RECOUNT_H
#define STORE_CLEANUP_RECOUNT_H

#include "pg/pg.h"
#include "store/cleanup_page.h"
#include "wire/party.h"

/* unread_messages of a conversation; that of a merged one is 0. */
struct unread_difference {
	struct uuid workspace, account, conversation;
	enum provider provider;
	enum bridge_kind bridge;
	bool merged;
	int64_t stored, counted;
};
int store_recount_unread(struct pg *pg, struct key_page *page,
	void (*each)(void *ctx, const struct unread_difference *d), void *ctx, struct err *err) ERR_MUST_USE;

/* participants_count of a group. */
struct group_difference {
	struct uuid workspace, group;
	int64_t stored, counted;
};
int store_recount_participants(struct pg *pg, struct key_page *page,
	void (*each)(void *ctx, const struct group_difference *d), void *ctx, struct err *err) ERR_MUST_USE;

/* Of a consumer's partition: the outcomes that it counted, and the offsets that it has passed (I3). The strings live during each(). */
struct progress_difference {
	struct str consumer, topic;
	int32_t partition;
	int64_t counted, passed;
};
int store_recount_progress(struct pg *pg, void (*each)(void *ctx, const struct progress_difference *d), void *ctx,
	struct err *err) ERR_MUST_USE;

/* Recipients of a campaign, as many programs and pages count them. */
enum recipient_count {
	COUNT_ALL,
	COUNT_SENT,
	COUNT_DELIVERED,
	COUNT_READ,
	COUNT_FAILED,
	COUNT_SKIPPED,
	COUNT_UNKNOWN,
	RECIPIENT_COUNTS
};
const char *store_recipient_count_word(enum recipient_count c); /* "recipients", "sent" ... */

/* A campaign whose recipients are all written, and its counters. */
struct campaign_recount {
	int64_t workspace_id, id;
	struct uuid workspace, campaign;
	int64_t first_send_id, last_send_id;
	int64_t version; /* of its rows in campaign_counts: changes with every write to them */
	int64_t counts[RECIPIENT_COUNTS]; /* the sum of these rows */
	int64_t shown[RECIPIENT_COUNTS]; /* the columns of campaigns */
	bool is_quiet; /* the driver has had time to copy the sum to the columns */
};
/* The next one behind this key. 0: there is none. */
int store_recount_campaign_next(struct pg *pg, int64_t workspace_id, int64_t id, int64_t last_workspace_id,
	struct campaign_recount *out, struct err *err) ERR_MUST_USE;
/* That one. 0: it does not exist, or its recipients are being written. */
int store_recount_campaign(struct pg *pg, int64_t workspace_id, int64_t id, struct campaign_recount *out,
	struct err *err) ERR_MUST_USE;
/* Adds to counts those of the campaign's rows among the next `limit` rows of sends behind *after up to last_send_id; *after becomes the last
 * of them, last_send_id when there are no more. */
int store_recount_recipients(struct pg *pg, const struct campaign_recount *campaign, int64_t limit, int64_t *after,
	int64_t counts[RECIPIENT_COUNTS], struct err *err) ERR_MUST_USE;

#endif
