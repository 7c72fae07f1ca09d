/* The journal of calls to instances: the newest in memory, for GET /_calls. */
#ifndef PROVIDER_STUB_CALLS_H
#define PROVIDER_STUB_CALLS_H

#include "stub.h"

struct calls;

struct calls_filter {
	struct str instance, session, act; /* absent: any */
	int64_t after, limit; /* after: only lines with a greater seq */
};

struct calls *calls_new(size_t keep);
void calls_free(struct calls *c); /* accepts NULL */
/* status: of the answer, 0: none; end: how the exchange ends; also_at: see instances_also_at(). Copies the strings. */
void calls_add(struct calls *c, const struct stub_call *call, int64_t at_ms, int status, const char *end,
	const char *also_at);
void calls_read(const struct calls *c, const struct calls_filter *f, struct buf *out);

#endif
