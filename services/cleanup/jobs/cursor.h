/* Cursors of jobs that are numbers with slashes between them. Pure. */
#ifndef CLEANUP_JOBS_CURSOR_H
#define CLEANUP_JOBS_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Takes the next number of a cursor, up to a slash or the end. False: there is none. */
bool cursor_cut(struct str *text, int64_t *out);

#endif
