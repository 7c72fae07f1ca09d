/* The parts of the job retention. Private to jobs. */
#ifndef CLEANUP_RETENTION_PRIVATE_H
#define CLEANUP_RETENTION_PRIVATE_H

#include "cleanup/jobs/rows.h"

#define SENDS_CURSOR STR("s/") /* what cursors of the second part begin with; the first one's begin with a digit */

/* The second part: single messages to send that have ended long ago. */
row_step_fn retention_sends_step ERR_MUST_USE;

#define CAMPAIGNS_CURSOR STR("c/")

/* The third: campaigns that have ended long ago, with their recipients. */
row_step_fn retention_campaigns_step ERR_MUST_USE;

#endif
