/* The model of what is being delivered: partitions, their lanes to endpoints, and the chains that keep the order within a lane. This folder
 * makes the decisions and is pure: no Kafka, SQL, HTTP or clock. `now` is a parameter (monotonic ms); what follows from a decision is
 * returned, or added to the journal.
 *
 *   partition   a partition of chat-event that this replica has acquired
 *   window      its events that were read and whose deliveries hold its offset, in the order of their offsets
 *   lane        one endpoint in one partition
 *   feed        the source of a lane's events: the live stream, which the catch-up reader continues while the lane is behind; or a replay
 *   chain       the deliveries of one conversation in a lane (without ordering: of one event), of which at most one is in flight
 *   delivery    one event for one endpoint, from its admission until its result is written
 *
 * What owns what (==>), and what points to what (-->):
 *
 *   partition ==> window: events <---------------------------------+
 *     |  +======> refetch_queue: claimed rows without their event  |  one reference each; the last one frees the event
 *     +=========> lanes --> endpoint, of the endpoint cache        |
 *                  |  +==> feeds: stream, replays --> replay       |
 *                  +=====> chains ==> pending: deliveries ---------+
 *   lane_shared ========> in_flight: deliveries -------------------+
 *   journal ============> ends: deliveries ------------------------+
 *
 * States of a delivery. A state is a list, and that list owns the delivery:
 *
 *     lane_admit()                send_queue_begin()              result_apply()            flush
 *   ---------------> PENDING ---------------------> IN_FLIGHT ---------------------> ENDED ----------> freed
 *                    chain.pending                  shared.in_flight                 journal.ends
 *                      |   |                          |    +- its partition is revoked: its request is aborted, and then it is freed
 *                      |   |                          +- for longer than window.max_age: spilled, stays in flight
 *                      |   +- becomes or stays a row (behind a row of its chain; its lane falls behind), or is too late: ENDED
 *                      +- its lane falls behind at or beyond the resume offset, its replay is cancelled, or the partition is revoked: freed
 *
 * Beside that list a delivery is on these:
 *
 *   event.deliveries or feed.held    while the partition's offset, or the feed's position, must not advance past it (`hold`): until a flush
 *                                    plans its end or its leased row
 *   partition.by_row                 while it has a row of the retry queue (`row`), until its end is planned
 *   journal.spills                   from its spill until the flush has written its row (`row_coming`)
 *
 * States of a lane:
 *
 *            its endpoint is not live, its breaker opens, it is full, or a delivery has waited for longer than window.max_age
 *     LIVE ------------------------------------------------------------------------------------------------------------------> BEHIND
 *          <------------------------------------------------------------------------------------------------------------------
 *            the catch-up reader has reached the offset that is read next, the lane has room, its breaker is closed
 *
 * Invariants: an offset is committed only when each delivery of the events below it has ended, has a row in the retry queue, or lies at or
 * beyond its lane's position, and all of that is in the same commit. Of a chain at most one delivery is in flight, and none while an earlier
 * one waits as a row. Memory runs ahead of PostgreSQL; after any failure all of it is discarded and read again.
 *
 * Calls go in one direction: result, send_queue, flow_control and scan call partition, lane_state, admission, lane, chain, refetch_queue,
 * delivery and feed, each of these only those to its right.
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
	struct journal *journal; /* the one being filled */
	bool draining; /* no further request is begun */
};

enum delivery_state {
	DELIVERY_PENDING,
	DELIVERY_IN_FLIGHT,
	DELIVERY_ENDED, /* `end` is to be written by the next flush */
};

enum delivery_hold { HOLDS_NOTHING, HOLDS_PARTITION, HOLDS_FEED }; /* whose offset must not advance past it */

enum delivery_end {
	END_DELIVERED,
	END_RETRY, /* a row that is due in delay_ms */
	END_WAIT, /* a row that waits until the row before it in its chain has ended, or its endpoint is live again */
	END_EXHAUSTED, /* a dead letter */
	END_ABANDONED, /* no dead letter: its endpoint was deleted, or it is too late for its sink */
};

struct delivery {
	struct event *event;
	struct lane *lane; /* NULL: its partition was revoked */
	struct chain *chain; /* while it is pending or in flight; NULL with the lane */
	struct uuid key; /* of the chain */
	struct uuid endpoint;
	enum delivery_state state;
	enum delivery_hold hold;
	int64_t matched_before; /* how many events of its feed matched before this one */
	struct feed *feed; /* the one that admitted it; NULL: a claimed row, or it holds its feed no longer */
	TAILQ_ENTRY(delivery) in_chain; /* chain.pending */
	TAILQ_ENTRY(delivery) in_hold; /* event.deliveries, feed.held */
	TAILQ_ENTRY(delivery) in_list; /* shared.in_flight, journal.ends */

	int64_t row; /* id of its row in the retry queue; 0: none */
	bool row_coming; /* it is spilled, and the row is not written yet */
	int32_t retries;
	int64_t begun_mono_ms;
	struct sending *sending; /* makes its request */
	struct pool_request *request; /* its request, while it is in flight */

	enum delivery_end end;
	bool attempted;
	int64_t delay_ms;
	char error[200]; /* of the last failed attempt, for people */
	char code[8]; /* HTTP status of that attempt; empty: none */
};

struct chain {
	struct uuid key;
	struct lane *lane;
	struct delivery_list pending;
	bool busy; /* one of its deliveries is in flight */
	int64_t rows; /* its rows in the retry queue, including those of the next flush */
	int64_t last_row; /* the highest offset of a row */
	size_t refetching; /* how many claimed rows are in the refetch queue */
	bool ready; /* in lane.ready */
	TAILQ_ENTRY(chain) in_ready;
};
TAILQ_HEAD(chain_list, chain);

enum lane_state { LANE_LIVE, LANE_BEHIND };

#define NONE_BEGUN INT64_MIN

struct feed {
	struct lane *lane;
	struct replay *replay; /* NULL: the live stream */
	struct uuid replay_uuid;
	int64_t position; /* the offset that the catch-up reader feeds next */
	int64_t begun_offset; /* the highest one of which a delivery was begun or has a row; NONE_BEGUN */
	int64_t skip_from, skip_to; /* [skip_from, skip_to) were delivered live by a previous owner of the partition */
	struct delivery_list held; /* the deliveries that hold its position, in the order of their offsets */
	bool scanning; /* it takes part in the current scan (scan.h) */
	bool catching_up; /* in partition.catching_up: its endpoint is live, and either it has records to read or deliveries hold it */
	TAILQ_ENTRY(feed) in_catching_up;
	bool dirty; /* in partition.dirty: its position may differ from the saved one */
	TAILQ_ENTRY(feed) in_dirty;
	bool saved; /* PostgreSQL has a position of it, in the next two members */
	int64_t saved_offset, saved_live_from;
	/* The following members are those of a replay. */
	int64_t start, until; /* it covers [start, until) */
	int64_t matched, lost;
	double rate; /* events a second; 0: no limit */
	struct bucket allowance; /* events that may be fed now */
	TAILQ_ENTRY(feed) in_lane;
};
TAILQ_HEAD(feed_list, feed);

struct lane {
	struct partition *partition;
	struct endpoint *endpoint;
	enum lane_state state;
	struct feed stream;
	int64_t live_from; /* from this offset on it is fed live, after a catch-up; POSITION_NOT_LIVE: it has not caught up, or never was behind */
	struct feed_list replays;
	struct map *chains;
	struct chain_list ready;
	size_t pending, in_flight, refetching;
	int64_t rows;
	struct pace pace;
	struct fair_flow flow;
	int64_t admitted_mono_ms; /* when its last event was read; 0: never */
	int64_t fails_since_ms; /* wall clock: every attempt since has failed; 0: the last one succeeded, or there was none */
};

/* A claimed row of the retry queue that has no record: its event is read again from Kafka. */
struct refetch_row {
	struct retry_row row; /* without its texts */
	struct chain *chain;
	TAILQ_ENTRY(refetch_row) in_queue;
};

/* Whether back-pressure of the lanes pauses the partition. */
struct flow_control {
	bool crowded; /* a lane was full, and one is still more than half full */
	int64_t idle_mono_ms; /* since when a lane is idle although another one is crowded; 0: none is */
	int64_t held_mono_ms; /* since when lanes hold the partition; 0: they do not */
	bool held; /* no further record is read for now */
};

struct partition {
	struct lane_shared *shared;
	int32_t number;
	int64_t committed; /* next_offset in PostgreSQL; PROGRESS_NO_OFFSET */
	int64_t read; /* the next offset to be read; PROGRESS_NO_OFFSET: no record was read yet */
	TAILQ_HEAD(event_window, event) window;
	size_t window_events, window_bytes;
	int64_t counts[OUTCOMES]; /* of the records between committed and the window */
	struct map *lanes; /* by endpoint id */
	struct feed_list catching_up, dirty;
	int64_t rows;
	struct map *by_row; /* rows of the retry queue that are in memory, as deliveries or in the refetch queue */
	TAILQ_HEAD(refetch_list, refetch_row) refetch_queue; /* by offset */
	struct flow_control flow;
};

#endif
