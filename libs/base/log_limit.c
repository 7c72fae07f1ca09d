/* One line per second; see log_limit.h. */
#include "base/log_limit.h"

#define PERIOD_MS 1000

bool log_limit_pass(struct log_limit *l, int64_t now_mono_ms, uint64_t *suppressed)
{
	if (now_mono_ms < l->next_mono_ms) {
		l->suppressed++;
		return false;
	}
	*suppressed = l->suppressed;
	l->suppressed = 0;
	l->next_mono_ms = now_mono_ms + PERIOD_MS;
	return true;
}
