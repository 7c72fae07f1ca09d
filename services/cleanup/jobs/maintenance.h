/* The job maintenance: whether PostgreSQL and the other services still do what keeps the tables small; see rows.h, and README.md, Jobs. */
#ifndef CLEANUP_MAINTENANCE_H
#define CLEANUP_MAINTENANCE_H

#include "cleanup/jobs/rows.h"

/* Counts what they have stopped doing in a metric, and logs it. */
row_step_fn maintenance_step;

#endif
