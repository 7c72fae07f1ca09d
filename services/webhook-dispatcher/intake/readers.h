/* The readers of all partitions that are ours. */
#ifndef WEBHOOK_DISPATCHER_READERS_H
#define WEBHOOK_DISPATCHER_READERS_H

#include "webhook-dispatcher/intake/reader.h"

/* size_t i = 0; while ((r = readers_each(rs, &i))) … */
struct reader *readers_each(const struct readers *rs, size_t *i);
struct reader *readers_find(const struct readers *rs, int32_t partition); /* NULL: not ours */
struct partition *readers_partition(const struct readers *rs, int32_t number); /* NULL: not ours */
/* What the retry queue, or a position, names. NULL: it was deleted while no replica owned the partition, and what it left ends with the next
 * flush. */
struct endpoint *readers_endpoint(struct readers *rs, struct endpoint_key key);
/* An endpoint has become live or deleted, or ceased to be live: it falls behind in every partition, also where it had nothing to do yet;
 * or its rows are due, or end. */
void readers_endpoint_changed(struct readers *rs, struct endpoint *e);

#endif
