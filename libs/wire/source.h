/* The source of a record: its producer, and its position in that producer's sequence (proto/blazz/v1/chat_event.proto,
 * Source). */
#ifndef WIRE_SOURCE_H
#define WIRE_SOURCE_H

#include "base/str.h"

struct event_source {
	struct str producer;
	struct str
		topic; /* whose partition fences the slot; empty: from a release with one topic, or a lease fences it */
	int32_t slot;
	int64_t epoch, seq;
	int32_t index;
};
/* Compares (epoch, seq, index): negative, zero or positive. */
int event_source_cmp(const struct event_source *a, const struct event_source *b);

#endif
