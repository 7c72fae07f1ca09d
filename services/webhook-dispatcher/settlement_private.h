/* What the files of the settlement share: what it holds. settlement.c collects, settlement_plan.c puts together what that comes to,
 * settlement_write.c writes it, settlement_tell.c makes the records that follow from it.
 */
#ifndef WEBHOOK_DISPATCHER_SETTLEMENT_PRIVATE_H
#define WEBHOOK_DISPATCHER_SETTLEMENT_PRIVATE_H

#include "store/progress.h"
#include "store/webhook_attempts.h"
#include "store/webhook_positions.h"
#include "store/webhook_replays.h"
#include "webhook-dispatcher/settlement.h"

#define EXCERPT_BYTES 1000

/* A growable array of anything. */
struct items {
	void *at;
	size_t n, cap;
};
#define ITEMS_ADD(list, type) ((type *)items_add((list), sizeof(type)))
#define ITEMS(list, type)     ((type *)(list)->at)

/* Zeroed. Valid until the next one is added. */
void *items_add(struct items *l, size_t size);

struct dead {
	struct event *event;
	struct err why;
};

struct finding {
	struct endpoint_change change;
	int32_t partition;
	struct uuid workspace, endpoint;
	struct event *event; /* NULL: none in particular */
};

struct endpoint_news {
	struct endpoint_key key;
	bool deleted;
};

struct settlement {
	struct arena *arena; /* of texts */
	struct delivery_list ends;
	struct items spills; /* struct delivery * */
	struct items attempts; /* struct attempt_row */
	struct items dead;
	struct items findings;
	struct items endpoints;
	struct items results; /* struct retry_result, of rows that were given back */
	struct items result_partitions; /* int32_t, of each */
	/* What it comes to, put together before anything is written. */
	struct items rows; /* struct retry_row */
	struct items releases; /* struct retry_key */
	struct items positions; /* struct position_row */
	struct items replay_positions; /* struct replay_position */
	struct items replays_through; /* int64_t, ids: in one partition more */
	struct items steps; /* struct step */
	struct items included; /* struct partition * */
};

/* How far a partition moves. */
struct step {
	int32_t partition;
	int64_t from, to, counts[OUTCOMES];
};

/* What comes from outside as text that a column can hold, in the arena. */
struct str settlement_text(struct arena *a, struct str s, size_t max);
/* Puts rows, results, releases, positions and steps together. Nothing waits here, and afterwards nothing refers to lanes: the partitions
 * may be lost while statements wait. `claim`: partitions with rows take part. */
void settlement_plan(struct settlement *s, struct dispatcher *d, bool claim);
/* Inside the transaction: dead letters; what was found out of endpoints, and the events that say so. */
int settlement_tell_dead(const struct settlement *s, struct dispatcher *d, struct err *err) ERR_MUST_USE;
int settlement_tell_findings(struct settlement *s, struct dispatcher *d, struct err *err) ERR_MUST_USE;

#endif
