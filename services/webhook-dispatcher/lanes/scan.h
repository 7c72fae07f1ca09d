/* One pass of the catch-up reader over a partition: which feeds get the records that it reads. See model.h.
 *
 * It begins at the lowest position of a feed that can begin, and each feed joins where it stands. A feed without room leaves the pass when another
 * one can go on, and is met again by a later pass; when none can go on, the pass ends if a feed beside it could begin, or else waits.
 */
#ifndef WEBHOOK_DISPATCHER_SCAN_H
#define WEBHOOK_DISPATCHER_SCAN_H

#include "webhook-dispatcher/lanes/model.h"

/* Lanes that stand where the partition is read are live again; replays that have reached their end have nothing more to read. */
void scan_finish_feeds(struct partition *p);
/* Where a pass would begin; SCAN_NOWHERE: no feed can begin. */
#define SCAN_NOWHERE INT64_MAX
int64_t scan_start_offset(const struct partition *p, int64_t now_mono_ms);
/* Feeds whose position lies behind the record that was read last and not beyond this one join. */
void scan_join(struct partition *p, int64_t last, int64_t offset, int64_t now_mono_ms);
bool scan_is_empty(const struct partition *p);
void scan_end(struct partition *p); /* all leave it */

enum scan_room {
	SCAN_CONTINUES, /* feeds without room have left it */
	SCAN_WAITS, /* none on it has room */
	SCAN_ENDS, /* none on it has room, but a feed beside it could begin */
};
enum scan_room scan_check_room(struct partition *p, int64_t now_mono_ms);

/* The feed, which is on the pass, gets the record at this offset; */
void scan_advance(struct feed *f, int64_t offset);
/* and, if it wants that, this event, as a delivery unless it has a row already. */
void scan_admit(struct feed *f, struct event *e, int64_t now_mono_ms);
/* The feeds on the pass are through with everything up to where the partition is read. */
void scan_reach_end(struct partition *p);
/* Retention has removed what lies below this offset. The records that the feed has lost by that; 0: none. */
int64_t scan_skip_lost(struct feed *f, int64_t low);

#endif
