/* The job retention: deletes messages that are older than their workspace keeps them, and rows of messages to send and campaigns that ended long
 * ago. See rows.h. */
#ifndef CLEANUP_RETENTION_H
#define CLEANUP_RETENTION_H

#include "cleanup/jobs/rows.h"

row_step_fn retention_step ERR_MUST_USE;

#endif
