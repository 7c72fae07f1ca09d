/* Deliveries on their way: partitions, their lanes to endpoints, and the chains that keep the order within a lane. This folder decides, and
 * is pure: no Kafka, SQL, HTTP or clock; `now` is handed in (monotonic ms), what follows is returned as work or noted in the journal.
 *
 *   partition   the window: events that were read and hold back its offset, in order
 *   lane        one endpoint in one partition
 *   feed        what a lane is fed with: the live stream, which the catch-up reader takes over while the lane is behind; or a replay
 *   chain       what is ordered within a lane: one conversation (without ordering: one event). One delivery at a time
 *   delivery    one event to one endpoint, from its admission until its end is written
 *
 *                 falls behind: its endpoint is not live, its breaker opened, its backlog or its rows are full
 *        lane  LIVE ────────────────────────────────────────────────────────────────────────────────────► BEHIND
 *              ◄────────────────────────────────────────────────────────────────────────────────────────
 *                 the catch-up reader has arrived where the partition is read
 *
 *    delivery  WAITING ──begun──► IN_FLIGHT ──result──► ENDED ──written──► freed
 *                 │                   └─ too long: spilled (a row is leased to it), stays in flight
 *                 ├─ behind a row of its chain, or its lane falls behind below the position: ENDED as a row
 *                 └─ its lane falls behind at or beyond the position: freed, and read again
 *
 * Invariants: an offset is passed only when each of its deliveries has ended, or has a row in the retry queue, or lies behind its lane's
 * position, and all of that is in the commit that passes it. Of a chain at most one delivery is in flight, and none while an earlier one
 * has a row. What is in memory runs ahead of PostgreSQL; after any failure all of it is discarded and read again.
 *
 * Functions call downwards: feed, delivery, refetch_queue, chain, lane, partition, then scan, flow_control, send_queue and result.
 */
#ifndef WEBHOOK_DISPATCHER_MODEL_H
#define WEBHOOK_DISPATCHER_MODEL_H

#include "base/bucket.h"
#include "base/map.h"
#include "pacing/fair_queue.h"
#include "pacing/pace.h"
#include "store/webhook_positions.h"
#include "store/webhook_retries.h"
#include "webhook-dispatcher/endpoints/endpoint.h"
#include "webhook-dispatcher/events/event.h"
#include "webhook-dispatcher/journal/journal.h"
#include "webhook-dispatcher/settings.h"

struct pool_request;
struct replay;
struct sending;

/* What the lanes of all partitions share. */
struct lane_shared {
	const struct dispatcher_settings *settings;
	struct fair_queue queue; /* of lanes */
	struct delivery_list in_flight;
	struct journal *journal; /* that is being filled */
	bool draining; /* nothing more is begun */
};

enum delivery_state {
	DELIVERY_WAITING, /* in its chain */
	DELIVERY_IN_FLIGHT,
	DELIVERY_ENDED, /* its end waits to be written */
};

enum delivery_hold { HOLDS_NOTHING, HOLDS_PARTITION, HOLDS_FEED }; /* whose offset waits for it */

enum delivery_end {
	END_DELIVERED,
	END_RETRY, /* a row, due in delay_ms */
	END_WAIT, /* a row, until what is before it is done, or its endpoint is live again */
	END_EXHAUSTED, /* a dead letter */
	END_ABANDONED, /* its endpoint is gone, or it is too late: the row ends, without a dead letter */
};

struct delivery {
	struct event *event;
	struct lane *lane; /* NULL: its partition was revoked */
	struct chain *chain; /* while it waits or is in flight; NULL with the lane */
	struct uuid key; /* of the chain */
	struct uuid endpoint;
	enum delivery_state state;
	enum delivery_hold hold;
	int64_t matched_before; /* of its feed: how many events were part of it before this one */
	struct feed *feed; /* that it came by, while it holds that; NULL: a row */
	TAILQ_ENTRY(delivery) in_chain;
	TAILQ_ENTRY(delivery) in_hold; /* of the event, or of the feed */
	TAILQ_ENTRY(delivery) in_list; /* of those in flight, or of a journal */

	int64_t row; /* in the retry queue; 0: none */
	bool row_coming; /* one is being written while it is in flight */
	int32_t retries;
	int64_t begun_mono_ms;
	struct sending *sending; /* that makes its request, */
	struct pool_request *request; /* and the request, while it is in flight */

	enum delivery_end end;
	bool attempted;
	int64_t delay_ms;
	char error[200]; /* what failed last, for people */
	char code[8]; /* the HTTP status, if there was one */
};

struct chain {
	struct uuid key;
	struct lane *lane;
	struct delivery_list waiting;
	bool busy; /* one of it is in flight */
	int64_t rows; /* in the retry queue, or on their way into it */
	int64_t last_row; /* offset of the latest */
	size_t refetching; /* of the claimed rows: their events are being read again */
	bool ready; /* in the lane's list */
	TAILQ_ENTRY(chain) in_ready;
};
TAILQ_HEAD(chain_list, chain);

enum lane_state { LANE_LIVE, LANE_BEHIND };

#define NONE_BEGUN INT64_MIN

struct feed {
	struct lane *lane;
	struct replay *replay; /* NULL: the live stream */
	struct uuid replay_uuid; /* of the replay */
	int64_t position; /* the next offset to be fed */
	int64_t begun_offset; /* the highest of which a delivery was begun, or has a row; NONE_BEGUN */
	int64_t skip_from, skip_to; /* delivered live before this replica took over */
	struct delivery_list held; /* fed by the catch-up reader and not ended, in order */
	bool scanning; /* the catch-up reader feeds it */
	bool catching_up; /* in the partition's list: its endpoint is live, and it has something to read or to end */
	TAILQ_ENTRY(feed) in_catching_up;
	bool dirty; /* in the partition's list: PostgreSQL may have to be told another position */
	TAILQ_ENTRY(feed) in_dirty;
	bool saved; /* PostgreSQL has a position, this one: */
	int64_t saved_offset, saved_live_from;
	/* Of a replay. */
	int64_t start, until; /* [start, until) */
	int64_t matched, lost;
	double rate; /* events a second; 0: no limit */
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
	size_t waiting, in_flight, refetching;
	int64_t rows;
	struct pace pace;
	struct fair_flow flow;
	int64_t admitted_mono_ms; /* the last time */
	int64_t fails_since_ms; /* no success since, by the wall clock; 0: the last attempt succeeded, or there was none */
};

/* A claimed row of the retry queue whose event is read again. */
struct refetch_row {
	struct retry_row row; /* its texts are not kept */
	struct chain *chain;
	TAILQ_ENTRY(refetch_row) in_queue;
};

/* Whether lanes keep the partition from being read. */
struct flow_control {
	bool crowded; /* a lane had no room, and is still more than half full */
	int64_t idle_mono_ms; /* since when another one has nothing to do for it; 0: all have */
	int64_t held_mono_ms; /* since when lanes keep it from being read; 0: they do not */
	bool held; /* nothing more is read */
};

struct partition {
	struct lane_shared *shared;
	int32_t number;
	int64_t committed; /* next_offset in PostgreSQL; PROGRESS_NO_OFFSET */
	int64_t read; /* the next offset to be read; PROGRESS_NO_OFFSET: nothing was read yet */
	TAILQ_HEAD(event_window, event) window;
	size_t window_events, window_bytes;
	int64_t counts[OUTCOMES]; /* of the records between committed and the window */
	struct map *lanes; /* by endpoint id */
	struct feed_list catching_up, dirty;
	int64_t rows;
	struct map *by_row; /* the rows that are in memory: deliveries, and those of the refetch queue */
	TAILQ_HEAD(refetch_list, refetch_row) refetch_queue; /* by offset */
	struct flow_control flow;
};

#endif
