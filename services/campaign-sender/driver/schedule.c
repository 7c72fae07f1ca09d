/* See schedule.h. */
#include "campaign-sender/driver/schedule.h"

enum schedule_state schedule_at(int64_t in_ms, int64_t misfire_ms)
{
	if (in_ms > 0)
		return SCHEDULE_WAITS;
	return -in_ms > misfire_ms ? SCHEDULE_WAS_MISSED : SCHEDULE_IS_DUE;
}
