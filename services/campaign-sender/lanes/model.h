/* The model of what is being sent: lanes, the segments of campaigns in them, and the messages in memory. This folder makes the decisions
 * and is pure: no Kafka, SQL, HTTP or clock, no random numbers. Times are parameters: now_us of the wall clock for what is in rows, now_ms
 * monotonic for what is in memory only.
 *
 *   lane      one account whose partition of outbound this replica has acquired
 *   segment   the part of a campaign that this account sends
 *   send      one message, fetched from its row until its result is written
 *
 * What owns what (==>), and what points to what (-->):
 *
 *   lanes ==> lane ==> direct: single messages, waiting        --> workspace (fair_tenant)
 *     |        |  +==> unknown: sends to be resolved, waiting
 *     |        |  +==> delayed: sends that wait for a time of their own, as their pair's
 *     |        |  +==> segments ==> retries, queued: sends, waiting
 *     |        +=====> in_flight: sends that are chosen, in flight or answered
 *     +======> orphans: sends in flight or answered, whose partition was revoked
 *
 * States of a send. A state is a list, and that list owns the send:
 *
 *     lane_put()         lanes_choose()        send_admit()            send_answered()           send_release()
 *   ------------> WAITING ------------> CHOSEN -----------> IN_FLIGHT ----------------> ANSWERED ---------------> freed
 *                    |                    |   flush: checked,           its result is in the       its result is
 *                    |                    |   then marked in its lane   journal                    written
 *                    |                    +- send_drop(), send_end(): it may not be sent: freed
 *                    |<-------------------+- send_delay(): it may be sent later
 *                    +- lane_drop_segment(), lanes_clear(): freed; its row stays as it is
 *
 * Invariant: a request begins only after the commit that has its id in send_lanes.in_flight, and an id leaves it only in the commit that
 * writes its result. So lane_in_flight() has every send that is IN_FLIGHT or ANSWERED.
 *
 * Invariant: a segment's cursor is below the id of each of its rows that has neither begun nor ended, unless that row is due for a retry:
 * rows below the cursor are not fetched again.
 */
#ifndef CAMPAIGN_SENDER_MODEL_H
#define CAMPAIGN_SENDER_MODEL_H

#include <sys/queue.h>

#include "base/map.h"
#include "campaign-sender/policy/limits.h"
#include "campaign-sender/policy/pairs.h"
#include "campaign-sender/policy/settlement.h"
#include "campaign-sender/policy/stopper.h"
#include "pacing/fair_queue.h"
#include "pacing/pace.h"
#include "store/campaign_segments.h"
#include "store/sends_fetch.h"

TAILQ_HEAD(send_list, send);
TAILQ_HEAD(segment_list, segment);
TAILQ_HEAD(lane_list, lane);

enum send_state { SEND_WAITING, SEND_CHOSEN, SEND_IN_FLIGHT, SEND_ANSWERED };

struct send {
	TAILQ_ENTRY(send) in_list;
	struct lanes *lanes;
	struct lane *lane; /* NULL: its partition was revoked */
	struct segment *segment; /* NULL: a single message, an unknown one to be resolved, or an orphan */
	enum send_state state;
	int32_t partition; /* of its lane */
	int64_t account_id; /* of its lane */
	int64_t put_ms; /* when it was fetched */
	int64_t epoch; /* of its partition, when it was marked in flight */
	bool disowned; /* an orphan that no lane gets back (lanes_disown()) */
	int64_t not_before_us; /* of delayed ones; 0: it is not delayed */
	bool resolves; /* its row is unknown: it is looked up or decided by policy, and not sent */
	void *request; /* of sending/, while in flight */
	struct send_row row; /* its strings are in text */
	char text[];
};

struct segment {
	TAILQ_ENTRY(segment) in_lane, in_changed;
	struct lane *lane;
	struct campaign_segment row; /* as it should be in PostgreSQL; done is set by commit/ (segment_is_finished()) */
	bool changed; /* since it was last written */
	bool running; /* its campaign is running, prepared and within its send window, and no stopper has opened */
	bool stopped; /* its stopper has opened, or one result stops it: nothing is sent until the campaign was resumed */
	int64_t stopped_ms; /* when commit/ first saw that; 0: it has not */
	bool was_paused; /* its campaign, when commit/ last looked */
	int64_t commanded_us; /* and its last command; 0: not known */
	bool exhausted; /* nothing above fetched_id, until the campaign changes */
	bool fetching; /* a plan has it, and nothing has changed since that makes its rows useless */
	int64_t fetched_id; /* rows up to this one were fetched: those that have neither begun nor ended are in memory */
	int64_t fetch_at_ms; /* not before */
	int64_t begun_id; /* the highest row that has begun or ended */
	int64_t retries_at_ms; /* when retries are looked for again */
	size_t retries_room,
		retries_put; /* of the last fetch: as many rows as there was room for mean that there may be more */
	struct send_list retries, queued; /* queued: from the cursor on, by id */
	size_t n_retries, n_queued, n_delayed;
	size_t n_chosen;
	size_t in_flight; /* chosen and answered ones included */
	int turn; /* messages that it may still send in its turn */
	struct stopper stopper;
};

struct workspace {
	int64_t id;
	struct fair_tenant tenant;
	size_t lanes;
};

struct lane {
	TAILQ_ENTRY(lane) in_lanes, in_changed;
	struct lanes *lanes;
	struct workspace *workspace;
	struct send_lane row; /* limits and holds; its in_flight is not used, see lane_in_flight() */
	char *held_code; /* row.held_code */
	bool changed; /* since it was last written */
	struct lane_limits limits;
	struct pace pace; /* learned rate, circuit breaker */
	struct pace_limits pace_limits;
	struct fair_flow flow;
	bool usable; /* its account is (accounts/account.h) */
	int64_t unusable_since_ms; /* of one that is not */
	bool woken; /* due rows are to be fetched */
	int64_t due_at_ms; /* when they are, at the latest */
	size_t due_room, due_put; /* of the last fetch, as of a segment's retries */
	struct map *sends; /* id: send, of all below */
	struct send_list direct, unknown, delayed, in_flight; /* delayed: by not_before_us */
	size_t n_direct, n_unknown, n_delayed; /* n_delayed: without those of segments */
	size_t n_in_flight; /* chosen ones included, without answered ones */
	size_t n_chosen; /* that use up limits: without unknown ones */
	size_t n_listed; /* of the list in_flight: with answered ones */
	struct segment_list segments; /* the first one's turn is next */
};

struct lanes {
	struct fair_queue queue;
	struct map *by_account; /* account id: lane */
	struct map *workspaces;
	struct lane_list all, changed;
	struct segment_list changed_segments;
	struct send_list orphans;
	struct pairs *pairs;
	bool stopped; /* a restore is not accepted: nothing is sent */
	int64_t restored_us; /* when the latest restore was accepted; PG_NO_TIME: none was */
	bool draining; /* SIGTERM */
	size_t in_flight; /* of all lanes, chosen ones and orphans included, without answered ones */
	size_t max_in_flight;
	size_t moving; /* segments that are to move to another account */
	int64_t now_ms; /* of the last lanes_choose() */
	int64_t fetch_at_ms; /* no lane wants rows before */
	int64_t stranded_at_ms; /* lanes_stranded() finds nothing before */
};

#endif
