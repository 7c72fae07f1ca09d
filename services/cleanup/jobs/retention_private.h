/* The parts of the job retention. Private to jobs. */
#ifndef CLEANUP_RETENTION_PRIVATE_H
#define CLEANUP_RETENTION_PRIVATE_H

#include "cleanup/jobs/rows.h"

#define SENDS_CURSOR STR("s/") /* what cursors of the second part begin with; the first one's begin with a digit */

/* The second part: single messages to send that have ended long ago. */
row_step_fn retention_sends_step ERR_MUST_USE;
/* Takes the next number of a cursor, up to a slash or the end. False: there is none. */
bool cursor_cut(struct str *text, int64_t *out);

#endif
