/* The hours of a day in which heavy jobs run. Pure. */
#ifndef CLEANUP_WINDOW_H
#define CLEANUP_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Minutes of the day, from (inclusive) to (exclusive); from > to: over midnight; equal: the whole day. */
struct job_window {
	int64_t from, to;
};

/* "22:00-06:00"; "": the whole day. False: it is neither. */
bool job_window_parse(struct str text, struct job_window *out);
bool job_window_is_open(const struct job_window *w, int64_t minute);

#endif
