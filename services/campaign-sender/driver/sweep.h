/* What is due: schedules, counters, completion. */
#ifndef CAMPAIGN_SENDER_DRIVER_SWEEP_H
#define CAMPAIGN_SENDER_DRIVER_SWEEP_H

#include "campaign-sender/driver/private.h"

/* Campaigns whose time has come start, or are paused when it was missed. 1: it changed rows. */
int schedules_sweep(const struct driving *w, struct err *err) ERR_MUST_USE;
/* Adds up the counters of campaigns, and completes those of which every recipient has ended. 1: it changed rows. */
int counters_sweep(const struct driving *w, struct err *err) ERR_MUST_USE;
/* Counts campaigns that run, and those of them that make no progress although nothing in their rows keeps them; twice a minute. */
int stalled_report(const struct driving *w, struct err *err) ERR_MUST_USE;

#endif
