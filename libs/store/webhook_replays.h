/* Delivering again what an endpoint was, or should have been, told: everything since a time, a selection, one event, or only what is
 * missing. The wish is the gateway's and blazzctl's, the progress the dispatcher's; positions per partition are rows of webhook_positions.
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
	struct str *event_types; /* of the endpoint's own, these only; none: all */
	size_t n_event_types;
	struct uuid conversation, event_id; /* nil: all */
	bool only_missing; /* what no attempt has delivered, and is not in the retry queue */
	bool dry_run; /* counts, and delivers nothing */
	int32_t rate; /* events a second of one partition; 0: no limit */
	enum replay_status status;
	int64_t created_us, finished_us;
};

/* What is running. Strings live in the arena. */
int store_replays_read(struct pg *pg, struct arena *a, void (*each)(void *ctx, const struct replay_row *row), void *ctx,
	struct err *err) ERR_MUST_USE;
/* Event ids that the endpoint has acknowledged since then, or that wait in its retry queue; some may come twice. */
int store_replay_delivered(struct pg *pg, const struct replay_row *replay,
	void (*each)(void *ctx, const struct uuid *event), void *ctx, struct err *err) ERR_MUST_USE;

struct replay_position {
	int64_t workspace_id, endpoint_id, replay_id;
	int32_t partition;
	int64_t start_offset, next_offset, until_offset; /* from, the next one, one behind the last */
	int64_t matched; /* events that are part of it so far */
	int64_t lost; /* records that retention removed first; those that were gone when it began may be older than it goes back */
};
int store_replay_positions_read(struct pg *pg, struct str topic, const int32_t *partitions, size_t n,
	void (*each)(void *ctx, const struct replay_position *row), void *ctx, struct err *err) ERR_MUST_USE;
int store_replay_positions_write(struct pg *pg, struct str topic, const struct replay_position *rows, size_t n,
	struct err *err) ERR_MUST_USE;
/* Those of which every partition that the consumer has progress of is through are completed. Its positions stay, for looking at. */
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
