/* The job orphans: rows that are of no use any more, or should not be; see rows.h, and README.md, Jobs. */
#ifndef CLEANUP_ORPHANS_H
#define CLEANUP_ORPHANS_H

#include "cleanup/jobs/rows.h"

/* Deletes the former. The others are counted and logged: each is the trace of an error, or of a program that does not run. */
row_step_fn orphans_step;

#endif
