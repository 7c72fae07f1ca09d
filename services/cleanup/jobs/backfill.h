/* The job backfill: new columns, filled in the background after a migration; see rows.h, and db/README.md, Writing a migration. */
#ifndef CLEANUP_BACKFILL_H
#define CLEANUP_BACKFILL_H

#include "cleanup/jobs/rows.h"

/* The cursor is in the table backfills, where the step moves it: that of the job only says that there are more steps. A dry run says how
 * many backfills are not complete. */
row_step_fn backfill_step;

#endif
