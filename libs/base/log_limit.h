/* At most one line a second for what may happen as often as somebody outside likes, and how many were left out since the last one.
 * Pure: time is handed in, monotonic ms. A zeroed struct is ready. */
#ifndef BASE_LOG_LIMIT_H
#define BASE_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct log_limit {
	int64_t next_mono_ms;
	uint64_t suppressed;
};

/* Whether to write the line now; then *suppressed is how many were not written since the one before. */
bool log_limit_pass(struct log_limit *l, int64_t now_mono_ms, uint64_t *suppressed);

#endif
