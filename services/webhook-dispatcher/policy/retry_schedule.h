/* When a failed delivery is retried. Pure. Source: README.md, Outcomes. */
#ifndef WEBHOOK_DISPATCHER_RETRY_SCHEDULE_H
#define WEBHOOK_DISPATCHER_RETRY_SCHEDULE_H

#include <stdbool.h>

#include "pacing/schedule.h"

/* The schedule of an endpoint that has no delays of its own. */
extern const struct schedule retry_schedule_default;

/* As schedule_next_ms(). quick: after an error that is retried not over the whole schedule but only twice, after 1 and 5 seconds, and never
 * more often than the schedule allows. */
int64_t retry_next_ms(const struct schedule *s, int32_t retries, bool quick, int64_t retry_after_ms, double random);

#endif
