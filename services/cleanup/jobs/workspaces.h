/* The job workspaces: deletes what belongs to workspaces that were deleted and not restored in time. See rows.h. */
#ifndef CLEANUP_WORKSPACES_H
#define CLEANUP_WORKSPACES_H

#include "cleanup/jobs/rows.h"

row_step_fn workspaces_step ERR_MUST_USE;

#endif
