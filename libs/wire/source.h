/* Who published a record, and where it stands in that producer's sequence (proto/blazz/v1/chat_event.proto, Source). */
#ifndef WIRE_SOURCE_H
#define WIRE_SOURCE_H

#include "base/str.h"

struct event_source {
	struct str producer;
	struct str topic; /* that fences the slot; empty: of a release that had one topic, or of a lease */
	int32_t slot;
	int64_t epoch, seq;
	int32_t index;
};
/* Negative, zero, positive on (epoch, seq, index). */
int event_source_cmp(const struct event_source *a, const struct event_source *b);

#endif
