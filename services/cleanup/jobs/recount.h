/* The job recount: counters, compared with what they count; see rows.h, and README.md, Jobs. */
#ifndef CLEANUP_RECOUNT_H
#define CLEANUP_RECOUNT_H

#include "cleanup/jobs/rows.h"

/* A difference is an error of a program: it is counted and logged, and that of an unread counter is repaired by a read marker, with which
 * chat-sync recounts. */
row_step_fn recount_step;

#endif
