/* campaign-sender's metrics. */
#ifndef CAMPAIGN_SENDER_STATS_H
#define CAMPAIGN_SENDER_STATS_H

#include <stdint.h>

#include "base/str.h"

void stats_init(void);
/* An attempt has ended. provider: a provider_api's name; class: outcome_class_word(); total_us: -1 when not known. */
void stats_attempt(const char *provider, const char *class, int64_t total_us);
/* The error of an attempt: a provider's code that codes.h decides, or our word for it. */
void stats_code(const char *reason);
/* From the request of a single message to its first attempt. */
void stats_direct(int64_t since_requested_ms);
/* An unknown message was resolved by "status", "echo", "lookup", "policy", or by an "answer" that came when another replica had the lane. */
void stats_resolved(const char *by);
void stats_duplicate(void); /* evidence says that a message was sent twice */
/* Recipients that were skipped when their audience was written, or messages that the check before sending ended. */
void stats_skipped(struct str reason, size_t n);
/* From the fetch of a single message until its account's limits, pauses and breaker let it be chosen. */
void stats_waited(int64_t ms);

/* Campaigns. */
void stats_prepared(size_t recipients); /* rows of an audience were written */
void stats_paused(struct str
		code); /* by a person ("user"), our word, or a provider's code, which is counted as "provider" */
void stats_warned(const char *reason); /* messages of a campaign fail in a way that does not pause it */
void stats_campaigns(size_t running, size_t stalled);

#define STATS_HOLDS 32
struct stats_hold {
	const char *reason; /* static: a reason of the table of codes */
	size_t n;
};

struct stats_gauges {
	size_t in_flight, direct_waiting, campaign_waiting, unknown_waiting;
	int64_t oldest_due_ms;
	struct stats_hold holds[STATS_HOLDS]; /* accounts that are held, by reason */
	size_t n_holds;
	size_t breakers_open, campaigns_stopped;
};
void stats_hold_add(struct stats_gauges *g, const char *reason);
void stats_gauges(const struct stats_gauges *g);
void stats_unknown(int64_t unknown, int64_t overdue);

#endif
