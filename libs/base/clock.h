/* Time, as int64_t milliseconds (or microseconds, where PostgreSQL's resolution matters).
 *
 * Functions that decide take `now` as a parameter; only the outermost code reads a clock. Wall-clock time may jump: use
 * it for timestamps and to compare with times from outside. Use monotonic time for durations and deadlines.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#include "base/str.h"

/* Since 1970-01-01 UTC. For tests, the environment variable BLAZZ_CLOCK_OFFSET_MS is added. With -DBLAZZ_FAILPOINTS the
 * file named by BLAZZ_CLOCK_FILE holds a further offset in microseconds (int64_t, native byte order), which may change
 * while the program runs. */
int64_t clock_now_ms(void);
int64_t clock_now_us(void); /* the same in microseconds */
/* From now on the clock above is another one (a server's) that has just shown now_us, continued by the monotonic clock: changes of the
 * system's time have no effect. Readings that differ by less than a second are ignored, so that the clock does not go back by their
 * delays. Returns by how much the clock moved, 0 unless it had to be corrected. Any thread may read the clock meanwhile. */
int64_t clock_follow_us(int64_t now_us);
int64_t clock_mono_ms(void); /* since an arbitrary start; never goes back */
int64_t clock_mono_us(void);

/* "2026-01-01T00:00:00.000Z", 24 characters and a NUL. */
void clock_format_ms(int64_t ms, char out[static 25]);

#endif
