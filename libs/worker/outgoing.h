/* Records that a transaction emits into one outbox row, before its commit. Private to libs/worker. */
#ifndef WORKER_OUTGOING_H
#define WORKER_OUTGOING_H

#include "base/buf.h"
#include "wire/records.h"

struct outgoing_records {
	struct buf records; /* passed on to publisher_add() after the commit */
	int32_t n;
	size_t mark_bytes; /* its length at the last savepoint */
	int32_t mark_n;
};

static inline void outgoing_clear(struct outgoing_records *o)
{
	o->records.n = 0;
	o->n = 0;
}

/* Everything is copied. */
static inline void outgoing_add(struct outgoing_records *o, struct str topic, struct str key, struct str value,
	const struct header *headers, size_t n_headers)
{
	records_add(&o->records, topic, key, value, headers, n_headers);
	o->n++;
}

static inline void outgoing_mark(struct outgoing_records *o)
{
	o->mark_bytes = o->records.n;
	o->mark_n = o->n;
}

static inline void outgoing_undo(struct outgoing_records *o)
{
	o->records.n = o->mark_bytes;
	o->n = o->mark_n;
}

#endif
