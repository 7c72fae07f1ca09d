/* Sources of records; see source.h. */
#include "wire/source.h"

static int cmp(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

int event_source_cmp(const struct event_source *a, const struct event_source *b)
{
	if (a->epoch != b->epoch)
		return cmp(a->epoch, b->epoch);
	if (a->seq != b->seq)
		return cmp(a->seq, b->seq);
	return cmp(a->index, b->index);
}
