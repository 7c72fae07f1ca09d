/* Deliveries on their way: partitions, their lanes to endpoints, and the chains that keep the order within a lane.
 *
 *   partition   the window: events that were read and hold back its offset, in order
 *   lane        one endpoint in one partition: live, fed as the partition is read; or behind, fed by the catch-up reader
 *   chain       what is ordered within a lane: one conversation (without ordering: one event). One delivery at a time
 *   delivery    one event to one endpoint, from its admission until its end is written
 *
 * Invariants: an offset is passed only when each of its deliveries has ended, or has a row in the retry queue, or lies behind its lane's
 * position, and all of that is in the commit that passes it. Of a chain at most one delivery is under way, and none while an earlier one has a row.
 * What is in memory runs ahead of PostgreSQL; after any failure all of it is forgotten and read again (dispatcher_lost()).
 */
#ifndef WEBHOOK_DISPATCHER_FLOW_H
#define WEBHOOK_DISPATCHER_FLOW_H

#include <sys/queue.h>

#include "base/bucket.h"
#include "base/map.h"
#include "pacing/pace.h"
#include "store/webhook_positions.h"
#include "store/webhook_retries.h"
#include "webhook-dispatcher/directory.h"

struct dispatcher;
struct parcel;

enum delivery_state {
	DELIVERY_WAITING, /* in its chain */
	DELIVERY_FLYING,
	DELIVERY_ENDED,   /* its end waits to be written */
};

enum delivery_hold { HOLDS_NOTHING, HOLDS_PARTITION, HOLDS_FEED }; /* whose offset waits for it */

enum delivery_end {
	END_DELIVERED,
	END_RETRY,     /* a row, due in delay_ms */
	END_WAIT,      /* a row, until what is before it is done, or its endpoint is live again */
	END_EXHAUSTED, /* a dead letter */
	END_ABANDONED, /* its endpoint is gone, or it is too late: the row ends, nobody is told */
};

struct delivery {
	struct event *event;
	struct lane *lane;   /* NULL: the partition is somebody else's by now */
	struct chain *chain; /* while it waits or flies; NULL with the lane */
	struct uuid key;     /* of the chain */
	struct uuid endpoint;
	enum delivery_state state;
	enum delivery_hold hold;
	int64_t matched_before; /* of its feed: how many events were part of it before this one */
	struct feed *feed;   /* that it came by, while it holds that; NULL: a row */
	TAILQ_ENTRY(delivery) in_chain;
	TAILQ_ENTRY(delivery) in_hold;   /* of the event, or of the feed */
	TAILQ_ENTRY(delivery) in_list;   /* of the flying, or of a settlement */

	int64_t row;          /* in the retry queue; 0: none */
	bool row_coming;      /* a settlement is writing one while it flies */
	int32_t retries;
	int64_t begun_mono_ms;
	struct parcel *parcel; /* its request, while it flies */

	enum delivery_end end;
	bool attempted;
	int64_t delay_ms;
	char error[200];      /* what failed last, for people */
	char code[8];         /* the HTTP status, if there was one */
};

struct chain {
	struct uuid key;
	struct lane *lane;
	struct delivery_list waiting;
	bool busy;            /* one of it is under way */
	int64_t rows;         /* in the retry queue, or on their way into it */
	int64_t last_row;     /* offset of the latest */
	size_t wanted;        /* of the rows that were taken up: their events are being read again */
	bool ready;           /* in the lane's list */
	TAILQ_ENTRY(chain) in_ready;
};
TAILQ_HEAD(chain_list, chain);

enum lane_state { LANE_LIVE, LANE_BEHIND };

#define NONE_BEGUN INT64_MIN

/* What the catch-up reader feeds to a lane: what it missed, or a replay. */
struct feed {
	struct lane *lane;
	struct replay *replay; /* NULL: the live stream */
	int64_t position;      /* the next offset to be fed */
	int64_t begun_offset;  /* the highest of which a delivery was begun, or has a row; NONE_BEGUN */
	int64_t skip_from, skip_to; /* delivered live before this replica took over */
	struct delivery_list held;  /* fed by the catch-up reader and not settled, in order */
	bool on_pass;          /* the catch-up reader feeds it */
	bool catching; /* in the partition's list: its endpoint is live, and it has something to read or to settle */
	TAILQ_ENTRY(feed) in_catching;
	bool touched; /* in the partition's list: PostgreSQL may have to be told another position */
	TAILQ_ENTRY(feed) in_touched;
	bool saved; /* PostgreSQL has a position, this one: */
	int64_t saved_offset, saved_live_from;
	/* Of a replay. */
	int64_t start, until; /* [start, until) */
	int64_t matched, lost;
	struct bucket allowance; /* events that may be fed */
	TAILQ_ENTRY(feed) in_lane;
};
TAILQ_HEAD(feed_list, feed);

struct lane {
	struct partition *partition;
	struct endpoint *endpoint;
	enum lane_state state;
	struct feed stream;
	int64_t live_from; /* where it was fed live again; POSITION_NOT_LIVE: it has not caught up */
	struct feed_list replays;
	struct map *chains;
	struct chain_list ready;
	size_t waiting, flying, wanted;
	int64_t rows;
	struct pace pace;
	struct fair_flow flow;
	int64_t admitted_mono_ms; /* the last time */
	int64_t fails_since_ms; /* no success since; 0: the last attempt succeeded, or there was none */
};

struct catch_up {
	bool reading;
	int64_t last; /* offset read last; before the first: one less than where it began */
	bool holding;
	struct kafka_message held; /* nobody on the pass has room for it */
	int64_t retry_mono_ms;
	struct bucket allowance; /* records that may be read */
	struct source_marks *marks;
};

/* A row of the retry queue whose event is read again. */
struct want {
	struct retry_row row; /* its texts are not kept */
	struct chain *chain;
	TAILQ_ENTRY(want) in_wants;
};

struct refetch {
	bool reading;
	int64_t next; /* offset that comes next, at least */
	int64_t retry_mono_ms;
	TAILQ_HEAD(want_list, want) wants; /* by offset */
};

struct partition {
	struct dispatcher *d;
	int32_t number;
	int64_t committed; /* next_offset in PostgreSQL; PROGRESS_NO_OFFSET */
	int64_t read; /* the next offset to be read; PROGRESS_NO_OFFSET: nothing was read yet */
	TAILQ_HEAD(event_window, event) window;
	size_t window_events, window_bytes;
	int64_t counts[OUTCOMES]; /* of the records between committed and the window */
	bool crowded; /* a lane had no room, and is still more than half full */
	int64_t idle_mono_ms; /* since when another one has nothing to do for it; 0: all have */
	int64_t held_mono_ms; /* since when lanes keep it from being read; 0: they do not */
	bool held; /* nothing more is read */
	struct map *lanes; /* by endpoint id */
	struct feed_list catching, touched;
	int64_t rows;
	struct map *by_row; /* deliveries in memory that have a row */
	bool included; /* in the transaction that is being put together */
	struct catch_up catch_up;
	struct refetch refetch;
	struct source_marks *marks;
};

/* partition.c */

struct partition *partition_new(struct dispatcher *d, int32_t number, int64_t next_offset);
/* Everything that is not being written by a settlement. */
void partition_free(struct partition *p);
struct lane *partition_lane(struct partition *p,
	struct endpoint *e); /* creates it; behind when its endpoint is not live */
/* One record of the live stream. */
void partition_take(struct partition *p, const struct kafka_message *m);
/* The offset that may be committed. */
int64_t partition_settled(const struct partition *p);
void partition_release(struct partition *p); /* the window moves on past what nothing holds any more */
/* What has held up the window for too long is made a row, or its lane falls behind. */
void partition_relieve(struct partition *p, int64_t now_mono_ms);
/* While there is no room for more, or one of its lanes has none, it is not read. */
void partition_hold_back(struct partition *p);
struct stats_gauges;
void partition_gauge(const struct partition *p, struct stats_gauges *g); /* adds */

/* lane.c */

struct lane *lane_new(struct partition *p, struct endpoint *e);
struct lane *lane_of(struct fair_flow *f);
void lane_free(struct lane *l);
/* The event gets its delivery: waiting, or a row behind an earlier one of its chain. */
void lane_admit(struct feed *f, struct event *e, enum delivery_hold hold);
/* It has a row already, or was delivered before one. */
bool lane_has(const struct feed *f, const struct event *e);
/* A due row. */
void lane_admit_row(struct lane *l, struct event *e, const struct retry_row *row);
bool lane_has_room(const struct lane *l);
bool lane_is_crowded(const struct lane *l); /* more than half full */
/* Its backlog is read again later: whatever can be spared is given up, the rest becomes rows. */
void lane_fall_behind(struct lane *l);
void lane_go_live(struct lane *l);
/* As PostgreSQL has it, when the partition was taken over. */
void lane_load_position(struct lane *l, const struct position_row *row);
/* The endpoint has become live, or ceased to be. */
void lane_endpoint_changed(struct lane *l);
/* What position PostgreSQL must have now; false: none. */
bool lane_position(const struct lane *l, int64_t *next_offset, int64_t *live_from);
struct delivery *lane_next(struct lane *l); /* takes it out of the first chain that is ready, which must be one */
void lane_wake(struct lane *l); /* tells the fair queue whether it is runnable */
struct pace_limits lane_limits(const struct lane *l);

void feed_init(struct feed *f, struct lane *l, struct replay *replay);
void feed_fini(struct feed *f); /* leaves the partition's lists */
/* This one was begun, or has a row: its offset is not read again. */
void feed_passed(struct feed *f, const struct delivery *d);
/* Its position, or what it is made of, has changed. */
void feed_touch(struct feed *f);
/* What it held was let go. */
void feed_settled(struct feed *f);
/* Offset of the first that is not settled. */
int64_t feed_offset(const struct feed *f);
bool feed_is_through(const struct feed *f); /* of a replay: all is fed and settled */
struct chain *lane_chain(struct lane *l, const struct uuid *key); /* creates it */

void chain_settle(struct chain *c); /* after anything changed: ready, blocked, or gone */
void chain_add_row(struct chain *c, int64_t offset);
void chain_drop_row(struct chain *c);
/* One of its deliveries has failed: what was taken up behind it waits again. */
void chain_give_back(struct chain *c);

/* delivery.c */

struct delivery *delivery_new(struct feed *f, struct chain *c, struct event *e,
	enum delivery_hold hold); /* f NULL: of a row */
void delivery_free(struct delivery *d);
void delivery_begin(struct delivery *d); /* or it ends, when it is too late for its sink */
/* Ends without an attempt: a row that waits, or nothing. */
void delivery_end(struct delivery *d, enum delivery_end end, int64_t delay_ms);
/* It flies on, but its offset is passed: a row is written that is leased to it. */
void delivery_spill(struct delivery *d);
void delivery_let_go(struct delivery *d); /* its hold */
void delivery_drop(struct delivery *d); /* that waits, and is nobody's any more */
/* Its partition is lost: what is under way ends for nobody. */
void delivery_detach(struct delivery *d);

/* catch_up.c */

void catch_up_turn(struct partition *p);
void catch_up_stop(struct partition *p);

/* due_rows.c */

/* Rows of the retry queue that were leased to this replica, in the order in which they are due. Returns how many have to wait again. */
size_t due_rows_take(struct dispatcher *d, const struct retry_row *rows, size_t n);

/* refetch.c: events of rows that were kept without them */

void refetch_add(struct partition *p, struct chain *c, const struct retry_row *row);
/* Nothing of this chain any more: its rows wait again. */
void refetch_give_back(struct chain *c);
void refetch_turn(struct partition *p);
void refetch_stop(struct partition *p); /* and forgets what was wanted */

#endif
