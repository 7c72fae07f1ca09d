/* The last source that a consumer of chat-event has seen, to detect late records. Source: proto/README.md, Delivery.
 *
 * A replica that was stopped and resumes may publish records that its successor has already published. For each
 * (partition of the topic, producer, its topic, slot) the last source is kept, and a record at or below it is late.
 * Marks are kept in memory for as long as the consumer runs, and start empty.
 */
#ifndef WIRE_SOURCE_MARKS_H
#define WIRE_SOURCE_MARKS_H

#include "wire/source.h"

struct source_marks;

struct source_marks *source_marks_new(void);
void source_marks_free(struct source_marks *marks); /* accepts NULL */
/* Whether the record is late; if not, its source becomes the last one. A replayed record (x-replay-id) or one without a
 * source is never late and moves no mark. */
bool source_is_late(struct source_marks *marks, int32_t partition, const struct event_source *source, bool replayed);

#endif
