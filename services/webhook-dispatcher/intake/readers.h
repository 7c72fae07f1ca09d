/* The readers of all partitions that this replica has acquired. */
#ifndef WEBHOOK_DISPATCHER_READERS_H
#define WEBHOOK_DISPATCHER_READERS_H

#include "webhook-dispatcher/intake/reader.h"

/* size_t i = 0; while ((r = readers_each(rs, &i))) … */
struct reader *readers_each(const struct readers *rs, size_t *i);
struct reader *readers_find(const struct readers *rs, int32_t partition); /* NULL: not acquired */
struct partition *readers_partition(const struct readers *rs, int32_t number); /* NULL: not acquired */
/* The endpoint of a row of the retry queue or of a position. NULL: it was deleted while no replica owned the partition; the next flush ends its
 * rows and deletes its positions. */
struct endpoint *readers_endpoint(struct readers *rs, struct endpoint_key key);
/* To be called when an endpoint becomes live, stops being live, or is deleted. In every partition its lane, which is created if there is none,
 * falls behind or can run again; the next flush makes its rows due, or ends them. */
void readers_endpoint_changed(struct readers *rs, struct endpoint *e);

#endif
