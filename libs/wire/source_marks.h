/* What a consumer of chat-event has seen, so that late records change nothing. Source: proto/README.md, Delivery.
 *
 * A replica that was stopped and wakes up may publish what its successor has published already. Of each (partition of the topic,
 * producer, its topic, slot) the last source is kept, and a record at or below it is late. The marks live with the reader and start empty.
 */
#ifndef WIRE_SOURCE_MARKS_H
#define WIRE_SOURCE_MARKS_H

#include "wire/source.h"

struct source_marks;

struct source_marks *source_marks_new(void);
void source_marks_free(struct source_marks *marks); /* accepts NULL */
/* Whether the record is late; else its source is the last one from now on. A replayed record (x-replay-id) is never late and moves no
 * mark, nor does one without a source. */
bool source_is_late(struct source_marks *marks, int32_t partition, const struct event_source *source, bool replayed);

#endif
