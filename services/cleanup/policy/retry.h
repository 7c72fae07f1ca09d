/* When to call an instance again after an outcome. Pure. Source: README.md, Outcomes. */
#ifndef CLEANUP_RETRY_H
#define CLEANUP_RETRY_H

#include "bridge/answer.h"

/* Delay in ms before the next call about the session. `attempt` (1-based) counts calls in a row that did not succeed; 0
 * for outcomes that succeed (ok, already done, gone). busy: 1 s doubling to 5 min, 20 % to either side by jitter in [0, 1),
 * never less than retry_after_ms (-1: absent; at most 5 min of it counts); rejected and bad key: 10 min. */
int64_t call_retry_ms(enum bridge_outcome outcome, int64_t attempt, int64_t retry_after_ms, double jitter);
bool call_succeeded(enum bridge_outcome outcome);

#endif
