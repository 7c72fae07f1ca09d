/* One scan of a partition by the catch-up reader: which feeds get the records that it reads. See model.h.
 *
 * A scan starts at the lowest position of the feeds that can start, and each further feed joins at its own position. A feed without room leaves
 * the scan when others on it have room, and joins a later one. When no feed on it has room, the scan ends if a feed that is not on it could
 * start; otherwise it waits.
 */
#ifndef WEBHOOK_DISPATCHER_SCAN_H
#define WEBHOOK_DISPATCHER_SCAN_H

#include "webhook-dispatcher/lanes/model.h"

/* Makes lanes live whose position has reached the offset that is read next, and ends reading for replays that have reached their end. */
void scan_finish_feeds(struct partition *p);
/* Where a scan would start; SCAN_NOWHERE: no feed can start. */
#define SCAN_NOWHERE INT64_MAX
int64_t scan_start_offset(const struct partition *p, int64_t now_mono_ms);
/* Lets feeds join whose position is above `last`, the offset of the previous record, and not above `offset`. */
void scan_join(struct partition *p, int64_t last, int64_t offset, int64_t now_mono_ms);
bool scan_is_empty(const struct partition *p); /* no feed is on it */
void scan_end(struct partition *p); /* all feeds leave it */

enum scan_room {
	SCAN_CONTINUES, /* feeds without room have left it */
	SCAN_WAITS, /* no feed on it has room */
	SCAN_ENDS, /* no feed on it has room, but one that is not on it could start */
};
enum scan_room scan_check_room(struct partition *p, int64_t now_mono_ms);

/* Moves a feed on the scan past the record at this offset. */
void scan_advance(struct feed *f, int64_t offset);
/* Admits an event to a feed on the scan, unless it has a row already. */
void scan_admit(struct feed *f, struct event *e, int64_t now_mono_ms);
/* Moves all feeds on the scan to the offset that is read next. */
void scan_reach_end(struct partition *p);
/* Retention has removed all records below `low`: moves the feed there. Returns how many offsets it has lost; 0: none. */
int64_t scan_skip_lost(struct feed *f, int64_t low);

#endif
