/* Campaigns that ended long ago, with their recipients. Role blazz_cleanup.
 *
 * A campaign goes in steps: it is marked as deleted, so that no command begins it anew and no recount compares what is left of it; then its rows
 * of sends go by ranges of ids; last its counts, its segments, and its own row. */
#ifndef STORE_CLEANUP_CAMPAIGNS_H
#define STORE_CLEANUP_CAMPAIGNS_H

#include "base/arena.h"
#include "store/cleanup_page.h"

/* A campaign that was completed, cancelled or failed more than after_ms ago, and of which no outcome is still looked for. One that failed ended
 * with its last change: it may be corrected and started again. */
struct ended_campaign {
	int64_t workspace_id, id;
	int64_t first_send_id, last_send_id; /* its recipients are among these rows; 0: it has none */
};
/* The first of a page's campaigns that has ended: 1, and the page ends with it; 0: none of them has. */
int store_ended_campaign(struct pg *pg, int64_t after_ms, struct key_page *page, struct ended_campaign *out,
	struct err *err) ERR_MUST_USE;
/* Locks and marks it. 1; 0: it has begun again, or another transaction has locked it. */
int store_ended_campaign_mark(struct pg *pg, int64_t after_ms, const struct ended_campaign *c,
	struct err *err) ERR_MUST_USE;

/* A page of the rows behind *after: those of the campaign, into the arena. *after moves to the page's end, last_send_id when there are no more. */
int store_ended_recipients(struct pg *pg, const struct ended_campaign *c, int64_t limit, int64_t *after,
	struct arena *a, int64_t **ids, size_t *n, struct err *err) ERR_MUST_USE;
/* Deletes those of them that are not locked by another transaction. */
int store_ended_recipients_delete(struct pg *pg, const struct ended_campaign *c, const int64_t *ids, size_t n,
	int64_t *deleted, struct err *err) ERR_MUST_USE;
/* Deletes the campaign, unless it has recipients left: 1 or 0. */
int store_ended_campaign_delete(struct pg *pg, const struct ended_campaign *c, struct err *err) ERR_MUST_USE;

#endif
