/* Time. Everything takes milliseconds (or microseconds, where PostgreSQL's resolution matters) as int64_t.
 *
 * Decisions take `now` as a parameter; only the edges of a program read a clock. Wall time may jump: it stamps and
 * compares with outside times. Monotonic time measures and sets deadlines.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#include "base/str.h"

/* Since 1970-01-01 UTC. For tests BLAZZ_CLOCK_OFFSET_MS is added, and with -DBLAZZ_FAILPOINTS the microseconds that the file
 * named by BLAZZ_CLOCK_FILE holds as an int64_t of this machine, whenever they change. */
int64_t clock_now_ms(void);
int64_t clock_now_us(void); /* the same in microseconds */
int64_t clock_mono_ms(void); /* since some start; never goes back */
int64_t clock_mono_us(void);

/* "2026-01-01T00:00:00.000Z", 24 characters and a NUL. */
void clock_format_ms(int64_t ms, char out[static 25]);

#endif
