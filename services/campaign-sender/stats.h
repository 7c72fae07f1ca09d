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
/* An unknown message was resolved by "lookup" or "policy". */
void stats_resolved(const char *by);
void stats_skipped(struct str reason); /* before it was sent: "deadline", "opted_out", "erased" */

struct stats_gauges {
	size_t in_flight, direct_waiting, campaign_waiting, unknown_waiting;
	int64_t oldest_due_ms;
	size_t held, breakers_open, campaigns_stopped;
};
void stats_gauges(const struct stats_gauges *g);
void stats_unknown(int64_t unknown, int64_t overdue);

#endif
