/* Replays: events that are delivered to an endpoint once more, or for the first time: all since a time, a selection,
 * one event, or only those that are missing. The gateway and blazzctl write the request, the dispatcher the progress;
 * positions per partition are rows of webhook_positions.
 */
#ifndef STORE_WEBHOOK_REPLAYS_H
#define STORE_WEBHOOK_REPLAYS_H

#include "base/arena.h"
#include "pg/pg.h"

enum replay_status { REPLAY_RUNNING, REPLAY_COMPLETED, REPLAY_CANCELLED };

struct replay_row {
	int64_t workspace_id, id, endpoint_id;
	struct uuid uuid, endpoint;
	int64_t since_us; /* of publication */
	struct str *event_types; /* only these of the endpoint's own types; none: all of them */
	size_t n_event_types;
	struct uuid conversation, event_id; /* nil: all */
	bool only_missing; /* only events that no attempt has delivered and that are not in the retry queue */
	bool dry_run; /* counts, and delivers nothing */
	int32_t rate; /* events per second and partition; 0: no limit */
	enum replay_status status;
	int64_t created_us, finished_us;
};

/* Reads the running replays. Strings live in the arena. */
int store_replays_read(struct pg *pg, struct arena *a, void (*each)(void *ctx, const struct replay_row *row), void *ctx,
	struct err *err) ERR_MUST_USE;
/* Ids of events that the endpoint has acknowledged since then, or that are in its retry queue; an id may be passed
 * twice. */
int store_replay_delivered(struct pg *pg, const struct replay_row *replay,
	void (*each)(void *ctx, const struct uuid *event), void *ctx, struct err *err) ERR_MUST_USE;

struct replay_position {
	int64_t workspace_id, endpoint_id, replay_id;
	int32_t partition;
	int64_t start_offset, next_offset, until_offset; /* the first, the next, and the one after the last */
	int64_t matched; /* events that are part of it so far */
	/* Records that retention removed before they were read; those removed before the replay began may be older than
	 * its since_us. */
	int64_t lost;
};
int store_replay_positions_read(struct pg *pg, struct str topic, const int32_t *partitions, size_t n,
	void (*each)(void *ctx, const struct replay_position *row), void *ctx, struct err *err) ERR_MUST_USE;
int store_replay_positions_write(struct pg *pg, struct str topic, const struct replay_position *rows, size_t n,
	struct err *err) ERR_MUST_USE;
/* Completes the replays that are finished in every partition in which the consumer has progress. Their positions stay
 * for display. */
int store_replays_finish(struct pg *pg, const char *consumer, struct str topic, const int64_t *replay_ids, size_t n,
	struct err *err) ERR_MUST_USE;

/* For blazzctl, roles blazz_admin and blazz_ops as fits. */
int store_replay_add(struct pg *pg, struct replay_row *row, struct err *err)
	ERR_MUST_USE; /* fills id; uuid is the caller's. ERR_INPUT 23514 for what the table does not take */
int store_replay_cancel(struct pg *pg, const struct uuid *uuid,
	struct err *err) ERR_MUST_USE; /* ERR_CONFLICT when it has ended */
struct replay_progress {
	struct replay_row replay;
	int32_t partitions, partitions_done;
	int64_t total, passed, matched, lost;
}; /* offsets of those that began */
int store_replays_list(struct pg *pg, const struct uuid *endpoint, struct arena *a,
	void (*each)(void *ctx, const struct replay_progress *p), void *ctx,
	struct err *err) ERR_MUST_USE; /* endpoint NULL: all */
int store_replay_find(struct pg *pg, const struct uuid *uuid, struct arena *a, struct replay_progress *out,
	struct err *err) ERR_MUST_USE;

#endif
