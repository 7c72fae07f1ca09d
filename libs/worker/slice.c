/* See slice.h. */
#include "worker/slice.h"

#define LIVE_SHARES   4 /* shares of the time for live batches, to one for bulk */
#define SLOW_SLICE_US 1000000 /* a longer slice counts as this: it probably waited, for a lock or the disk */

size_t slice_next(size_t weight, size_t limit, size_t least, size_t cap, int64_t took_us)
{
	size_t fits = took_us > 0 ? (size_t)((int64_t)weight * BULK_SLICE_US / took_us) : cap;

	if (weight < limit && took_us <= BULK_SLICE_US)
		return limit;
	if (fits > 2 * limit)
		fits = 2 * limit;
	if (fits < limit / 2)
		fits = limit / 2;
	if (fits > cap)
		fits = cap;
	return fits > least ? fits : least;
}

bool slice_due(int64_t live_us, int64_t slice_us)
{
	return live_us >= LIVE_SHARES * (slice_us < SLOW_SLICE_US ? slice_us : SLOW_SLICE_US);
}
