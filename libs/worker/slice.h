/* How much bulk one transaction may contain, so that a live record waits for one such slice at most. Pure. Private to
 * libs/worker. */
#ifndef WORKER_SLICE_H
#define WORKER_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Long enough to make a commit's fixed cost small: with 20 ms, syncs took several times as long. */
#define BULK_SLICE_US 100000

/* The weight that the next slice may have, `least` (1 or more) to cap, after a slice of `weight` took took_us, where `limit` was allowed.
 * It is at most halved or doubled; a slice below its limit is no evidence that more would fit. */
size_t slice_next(size_t weight, size_t limit, size_t least, size_t cap, int64_t took_us);
/* Whether bulk has the next turn while live batches are full: bulk gets a fifth of the time, however long its slices
 * take. live_us: the time of live batches since the last slice, which took slice_us. A slice counts as a second at
 * most. */
bool slice_due(int64_t live_us, int64_t slice_us);

#endif
