/* What the driver of campaign-sender reads of a campaign besides its row (campaigns.h): what its definition refers to, its
 * segments, and the state of all that it works on. */
#ifndef STORE_CAMPAIGN_DRIVER_H
#define STORE_CAMPAIGN_DRIVER_H

#include "store/campaign_segments.h"

/* Whether the definition's contact group exists, and what its template is called. */
struct campaign_references {
	bool group_exists; /* contact_group_id, and it is not deleted */
	struct str template_name, template_language; /* of template_id, in the arena; absent: none */
};
/* 1: filled; 0: no such campaign. */
int store_campaign_references(struct pg *pg, const struct campaign_key *key, struct arena *a,
	struct campaign_references *out, struct err *err) ERR_MUST_USE;

/* The campaign's own counters, as store_campaigns_count() last wrote them. */
int store_campaign_counters(struct pg *pg, const struct campaign_key *key, struct campaign_counters *out,
	struct err *err) ERR_MUST_USE;

/* All segments of a campaign, in their order, those that are done, too. */
int store_campaign_segments_of(struct pg *pg, const struct campaign_key *key,
	struct campaign_segment out[static CAMPAIGN_SEGMENTS_MAX], size_t *n, struct err *err) ERR_MUST_USE;

/* The accounts of its segments, in their order, deleted ones, too. */
int store_campaign_accounts(struct pg *pg, const struct campaign_key *key,
	struct uuid out[static CAMPAIGN_SEGMENTS_MAX], size_t *n, struct err *err) ERR_MUST_USE;

/* The state of the campaigns of these partitions that are scheduled, running or paused, or that were completed or
 * cancelled in the last 7 days, during which statuses of their messages may arrive. Of the row are filled: keys, uuids,
 * scheduled_in_ms, partition, status, prepared_us and audience_cursor, which is in the arena. */
int store_campaigns_of_driver(struct pg *pg, const int32_t *partitions, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct campaign_row *row), void *ctx, struct err *err) ERR_MUST_USE;

/* How many of these campaigns run, and have a segment that is not done although nothing in rows keeps it: its account is connected
 * and not held, its window is open, its portfolio has messages left, and neither a pause nor a gap of the lane lasts. */
int store_campaigns_not_waiting(struct pg *pg, const struct campaign_key *keys, size_t n, int64_t *count,
	struct err *err) ERR_MUST_USE;

/* Started only. Notifies lanes that the campaign has changed, where no column that a trigger watches has. */
int store_campaign_notify(struct pg *pg, const struct uuid *campaign, struct err *err) ERR_MUST_USE;

#endif
