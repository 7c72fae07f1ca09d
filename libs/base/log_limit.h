/* Rate limit for log lines about events that clients can cause as often as they like: at most one line per second,
 * which also says how many were suppressed since the previous one. Pure: the caller passes the time, monotonic ms. A
 * zeroed struct is ready to use. */
#ifndef BASE_LOG_LIMIT_H
#define BASE_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct log_limit {
	int64_t next_mono_ms;
	uint64_t suppressed;
};

/* Whether to write the line now. If so, *suppressed is how many were suppressed since the previous one. */
bool log_limit_pass(struct log_limit *l, int64_t now_mono_ms, uint64_t *suppressed);

#endif
