/* When a campaign with a schedule starts. Pure. */
#ifndef CAMPAIGN_SENDER_SCHEDULE_H
#define CAMPAIGN_SENDER_SCHEDULE_H

#include <stdint.h>

enum schedule_state { SCHEDULE_WAITS, SCHEDULE_IS_DUE, SCHEDULE_WAS_MISSED };

/* in_ms: from now to its time, negative when that has passed. misfire_ms: how late it may start. */
enum schedule_state schedule_at(int64_t in_ms, int64_t misfire_ms);

#endif
