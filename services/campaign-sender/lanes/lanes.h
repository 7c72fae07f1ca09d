/* All lanes of this replica: opening, acquiring, choosing what is sent next. See model.h. */
#ifndef CAMPAIGN_SENDER_LANES_H
#define CAMPAIGN_SENDER_LANES_H

#include "campaign-sender/lanes/model.h"

#define LANE_QUANTUM   8 /* messages of a workspace, and of a segment, in a turn */
#define LANE_FETCH_MAX 1000 /* rows in memory of a segment, and single ones of a lane */
#define LANE_BRIDGE_MAX \
	64 /* the same of a bridge, which has few requests in flight, and whose texts may have 256 KiB */
#define LANE_POLL_MS     5000 /* due rows are looked for at least as often */
#define LANE_AHEAD_MS    2000 /* rows are fetched ahead that may be sent within this time */
#define LANE_STRANDED_MS 30000 /* an account is unusable for so long before others send its single messages */

/* max_in_flight: of all lanes; max_pairs: bound of pairs.h. */
void lanes_init(struct lanes *l, size_t max_in_flight, size_t max_pairs);
void lanes_fini(struct lanes *l); /* frees orphans, too */
/* The partitions were revoked: all lanes go; sends in flight and answered become orphans. Chosen ones are freed: commit/ remembers their ids
 * while their commit is in doubt. */
void lanes_clear(struct lanes *l);

/* Adds the lane of an account, or updates its row's holds when it is there. `row` as read; orphans of the account become its own again. */
struct lane *lanes_open(struct lanes *l, const struct send_lane *row, int64_t now_ms);
/* The partition is acquired, and this process has had it in all epochs since `epoch`. What was marked before stays an orphan: another owner may
 * have recovered it since, and sent it again. */
void lanes_disown(struct lanes *l, int32_t partition, int64_t epoch);
struct lane *lanes_find(const struct lanes *l, int64_t account_id);
/* What the account is like now. */
struct lane_account {
	bool usable;
	struct lane_limits limits;
};
void lane_account(struct lane *lane, const struct lane_account *a, int64_t now_us, int64_t now_ms);
/* Due rows are to be fetched. False: this replica has no such lane (yet). */
bool lanes_wake(struct lanes *l, int64_t account_id, int64_t now_ms);
/* No message is sent before until_us; INT64_MAX: until lane_account() says that the account is usable again. */
void lane_pause(struct lane *lane, int64_t until_us, int64_t now_us, int64_t now_ms);

/* Whether it could begin another single message now. */
bool lane_has_room(struct lane *lane, int64_t now_us, int64_t now_ms);

/* Adds a segment, or updates its row. running as in struct segment. */
struct segment *lane_segment(struct lane *lane, const struct campaign_segment *row, bool running, int64_t now_ms);
struct segment *lane_find_segment(const struct lane *lane, int64_t campaign_id, int16_t number);
/* Its campaign has changed. When it was paused or resumed, rows that wait are dropped, and fetched again when it runs; resumed: a stopper that has
 * opened is closed again. */
void segment_run(struct segment *s, bool running, bool resumed, int64_t now_ms);
/* As its stopper does, by one result: nothing of it begins until its campaign was resumed. */
void segment_stop(struct segment *s);
/* Another account is to send it: its waiting rows are dropped, and lanes_movable() has it once nothing of it is in flight. 0: it stays. */
void segment_move(struct segment *s, int64_t account_id, int64_t now_ms);
/* Nothing of it is in memory, and the last fetch found nothing above its cursor. Its campaign may have been paused when that fetch ran, so done
 * may only be written where no row above the cursor is pending. */
bool segment_is_finished(const struct segment *s);
/* It moved to another account, or is done. Nothing of it is in flight. */
void lane_drop_segment(struct segment *s);

/* Adds a row that was fetched; copied. NULL: it is in memory already. s: NULL for single and unknown ones. */
struct send *lane_put(struct lane *lane, struct segment *s, const struct send_row *row, int64_t now_ms);

/* What is to be fetched. The arrays are in the arena. */
struct fetch_plan {
	struct lane **due_lanes; /* of each of due */
	struct send_due_source *due;
	size_t n_due;
	struct segment **retry_segments;
	struct send_segment_source *retries;
	size_t n_retries;
	struct segment **segments;
	struct send_segment_source *ahead;
	size_t n_ahead;
	int64_t *known; /* ids of sends in memory that these statements would return again */
	size_t n_known;
};
bool lanes_want_rows(struct lanes *l, int64_t now_ms);
void lanes_plan_fetch(struct lanes *l, int64_t now_ms, struct arena *a, struct fetch_plan *out);
/* After the rows of a plan's segment in `ahead` were put: `rows` of at most `room`, the last of them last_id. Also when it has none. */
void segment_fetched(struct segment *s, size_t rows, size_t room, int64_t last_id);

/* The next messages to be sent, in fair order, at most cap: they are CHOSEN, and the rate of their pairs is used up until one is dropped, delayed or forgotten. Unknown ones are not sent:
 * requests in flight bound them, but neither rates nor pauses nor an unusable account. Returns their number. */
size_t lanes_choose(struct lanes *l, int64_t now_us, int64_t now_ms, struct send **out, size_t cap);
/* Whether anything may be chosen now, and whether a single message is among it. */
bool lanes_ready(struct lanes *l, int64_t now_us, int64_t now_ms, bool *direct);
/* The check has admitted a chosen send: its limits are used up, its segment's cursor moves, and it is IN_FLIGHT. use may be NULL when it is
 * unknown. */
void send_admit(struct send *s, const struct limit_use *use, int64_t now_us, int64_t now_ms);
/* The other outcomes of a check. A segment's cursor moves when none of its sends is CHOSEN any more.
 * Frees a chosen or waiting send whose row stays as it is: it is fetched again, a second later at the earliest. */
void send_drop(struct send *s);
/* Frees a chosen or waiting send whose row has ended, or which another account sends. */
void send_end(struct send *s);
/* A chosen send waits in memory until until_us, as when a bridge has begun enough new conversations today. */
void send_delay(struct send *s, int64_t until_us);
/* Its request has ended, or it was resolved. */
struct send_answer {
	enum account_verdict account;
	bool at_fault; /* counts in send_lanes.failures */
	bool attempted; /* a request has begun: counts in send_lanes.attempts */
	int64_t retry_after_ms; /* of ACCOUNT_LIMITED; -1: absent */
	struct str code; /* for the campaign's stopper; absent: it counts as a success. See `counts` */
	bool counts; /* the result counts for the stopper */
	bool only_warns; /* the code does not open it */
};
/* True: this result has opened the stopper of its segment. */
bool send_answered(struct send *s, const struct send_answer *a, int64_t now_us, int64_t now_ms);
/* Its result is written: frees it. delay_ms: its row is due again then, in this lane or as a retry of its segment, -1: it is not. */
void send_release(struct lanes *l, struct send *s, int64_t delay_ms, int64_t now_ms);
/* The request never began, and its commit failed: frees it. Its segment's cursor moves back. */
void send_forget(struct lanes *l, struct send *s);

/* The ids that must be in send_lanes.in_flight: of sends IN_FLIGHT or ANSWERED. Returns their number; *out is in the arena. */
size_t lane_in_flight(const struct lane *lane, struct arena *a, int64_t **out);
/* Whether this process has the id in flight or answered, orphans included that are not disowned. */
bool lanes_knows(const struct lanes *l, int64_t account_id, int64_t send_id);
/* Flows whose time has come are made runnable. */
void lanes_wake_due(struct lanes *l, int64_t now_us, int64_t now_ms);
/* When lanes_wake_due() has something to do, or rows may be wanted, monotonic ms; INT64_MAX: never. */
int64_t lanes_due_ms(const struct lanes *l);

/* For the flush. Rows of lanes and segments that have changed since the last call, in the order in which they are written, lanes with in_flight.
 * The arrays are in the arena; strings are borrowed. After a failed commit all lanes are read again. */
size_t lanes_changed(struct lanes *l, struct arena *a, struct send_lane **out);
size_t lanes_changed_segments(struct lanes *l, struct arena *a, struct campaign_segment **out);
/* Single messages waiting in lanes whose account is unusable: all of them once it has been so for LANE_STRANDED_MS, before that those whose
 * deadline has passed; at most once a second. For every flush: lanes_due_ms() does not wait for them. */
size_t lanes_stranded(struct lanes *l, int64_t now_us, int64_t now_ms, struct arena *a, struct send ***out);
/* Its row has a deadline, and it has passed. */
bool send_is_overdue(const struct send *s, int64_t now_us);
/* Segments that are to move, with nothing in flight. */
size_t lanes_movable(const struct lanes *l, struct arena *a, struct segment ***out);

#endif
