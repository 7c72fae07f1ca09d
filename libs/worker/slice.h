/* How much bulk one transaction takes in, so that a live record waits for one such slice at most. Pure. Private to libs/worker. */
#ifndef WORKER_SLICE_H
#define WORKER_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A commit's fixed cost is small beside it: with 20 ms the syncs took several times as long. */
#define BULK_SLICE_US 100000

/* The weight that the next slice may have, 1 to cap, after one of `weight` took took_us where `limit` was allowed. It is halved or doubled
 * at most; a slice that had less than was allowed says nothing about more. */
size_t slice_next(size_t weight, size_t limit, size_t cap, int64_t took_us);
/* Whether bulk has the next turn while live batches are full: a fifth of the time is bulk's, however long its slices take. live_us: what
 * live batches took since the last slice, which took slice_us. A slice counts as a second at most. */
bool slice_due(int64_t live_us, int64_t slice_us);

#endif
