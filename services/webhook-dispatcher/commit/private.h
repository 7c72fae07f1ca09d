/* What the files of the flush share. plan.c turns a journal into rows, emit.c emits its dead letters and events,
 * flush.c writes all of it.
 */
#ifndef WEBHOOK_DISPATCHER_COMMIT_PRIVATE_H
#define WEBHOOK_DISPATCHER_COMMIT_PRIVATE_H

#include "store/progress.h"
#include "store/webhook_positions.h"
#include "store/webhook_replays.h"
#include "webhook-dispatcher/commit/flush.h"

/* How far a partition advances. */
struct step {
	int32_t partition;
	int64_t from, to, counts[OUTCOMES];
};

/* All rows and steps that a journal and the partitions lead to, collected before anything is written. Texts live in the journal's arena. */
struct plan {
	struct journal *journal;
	struct items rows; /* struct retry_row; those of the journal's spills are the first */
	struct items results; /* struct retry_result */
	struct items releases; /* struct retry_key */
	struct items positions; /* struct position_row */
	struct items replay_positions; /* struct replay_position */
	struct items completed_replays; /* int64_t, ids of replays that are finished in one more partition */
	struct items steps; /* struct step */
	struct items partitions; /* int32_t, the partitions of the transaction */
	bool *included; /* for each partition whether it is one of them; in the journal's arena */
};

void plan_fini(struct plan *p);
/* Runs no statement. The finished plan does not point at lanes, because partitions may be revoked while statements wait. */
void plan_make(struct plan *p, struct journal *j, struct readers *rs, enum flush_claim claim);
void plan_clear(struct plan *p);

/* Inside the transaction: emit dead letters; write the findings about endpoints, and emit the events that report them. */
int emit_dead(struct owner_tx *tx, const struct journal *j, struct err *err) ERR_MUST_USE;
int emit_findings(struct owner_tx *tx, struct journal *j, struct str topic, struct err *err) ERR_MUST_USE;

#endif
