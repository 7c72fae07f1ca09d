/* The flush: one fenced transaction over the partitions concerned, that writes results, checks what is to be sent next, marks it, and fetches
 * ahead. After its commit the requests begin.
 *
 *   lanes locked ──► results ──► effects ──► check ──► mark (send_lanes, campaign_segments) ──► fetch ──► COMMIT ──► attempt_begin()
 *
 * While a statement waits, requests end: their results go into the other journal, for the next flush. Partitions may be revoked then, too: the
 * flush asks after each statement, and rolls back.
 *
 * Invariant: an id in send_lanes.in_flight may have been posted; any other was not. */
#ifndef CAMPAIGN_SENDER_FLUSH_H
#define CAMPAIGN_SENDER_FLUSH_H

#include "campaign-sender/sending/attempt.h"
#include "worker/owner_tx.h"

struct flush;

struct flush_options {
	const struct shared *shared;
	struct owner *owner;
	struct lanes *lanes;
	struct sending *sending;
	struct effects_ops effects;
};

struct flush *flush_new(const struct flush_options *options);
void flush_free(struct flush *f); /* accepts NULL */
/* Whether there is something to write, check or fetch; *at_once: without waiting for flush.interval. */
bool flush_wanted(struct flush *f, int64_t now_ms, bool *at_once);
/* After any failure the caller calls owner_restart(): results stay in the journal, what was chosen was never begun. */
int flush_run(struct flush *f, struct err *err) ERR_MUST_USE;
/* Single messages have become due: they are read, outside a transaction, so that the next flush_run() begins them, and not the one after it. */
int flush_fetch_due(struct flush *f, struct err *err) ERR_MUST_USE;
/* The partition of outbound was acquired, in this epoch: its lanes are read and recovered by the next flush_run(). */
void flush_acquired(struct flush *f, int32_t partition, int64_t epoch);
/* They were revoked, and so were those that flush_acquired() named since. */
void flush_lost(struct flush *f);
/* About once a second: holds and pauses end by themselves. */
void flush_update_accounts(struct flush *f);
/* Lanes or segments were added: they are read by the next flush_run(). */
void flush_refresh_lanes(struct flush *f);
void flush_refresh_segments(struct flush *f);

#endif
