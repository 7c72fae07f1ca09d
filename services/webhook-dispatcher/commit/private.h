/* What the files of the flush share. plan.c puts together what a journal comes to, emit.c makes the records that follow from it,
 * flush.c writes all of it.
 */
#ifndef WEBHOOK_DISPATCHER_COMMIT_PRIVATE_H
#define WEBHOOK_DISPATCHER_COMMIT_PRIVATE_H

#include "store/progress.h"
#include "store/webhook_positions.h"
#include "store/webhook_replays.h"
#include "webhook-dispatcher/commit/flush.h"

/* How far a partition moves. */
struct step {
	int32_t partition;
	int64_t from, to, counts[OUTCOMES];
};

/* What a journal and the partitions come to, put together before anything is written. Its texts are in the journal's arena. */
struct plan {
	struct journal *journal;
	struct items rows; /* struct retry_row; those of the journal's spills are the first */
	struct items results; /* struct retry_result */
	struct items releases; /* struct retry_key */
	struct items positions; /* struct position_row */
	struct items replay_positions; /* struct replay_position */
	struct items replays_through; /* int64_t, ids: in one partition more */
	struct items steps; /* struct step */
	struct items partitions; /* int32_t, that take part */
	bool *included; /* of each partition: it takes part; in the journal's arena */
};

void plan_fini(struct plan *p);
/* Nothing waits here, and afterwards nothing refers to lanes: the partitions may be revoked while statements wait. */
void plan_make(struct plan *p, struct journal *j, struct readers *rs, enum flush_claim claim);
void plan_clear(struct plan *p);

/* Inside the transaction: dead letters; what was found out of endpoints, and the events that say so. */
int emit_dead(struct owner_tx *tx, const struct journal *j, struct err *err) ERR_MUST_USE;
int emit_findings(struct owner_tx *tx, struct journal *j, struct str topic, struct err *err) ERR_MUST_USE;

#endif
