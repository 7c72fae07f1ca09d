/* What the files of upkeep/ share.
 *
 *   upkeep.c  when each part has its turn
 *   qr.c      QR codes
 *   health.c  the health of accounts
 *   resync.c  history that is to be posted again
 *   meta.c    accounts of Meta
 */
#ifndef CLEANUP_UPKEEP_PRIVATE_H
#define CLEANUP_UPKEEP_PRIVATE_H

#include "base/map.h"
#include "cleanup/upkeep/upkeep.h"

struct upkeep {
	struct upkeep_options options;
	struct map *meta; /* the account's UUID to struct look */
	size_t meta_in_flight;
	bool meta_pending; /* something was found */
	int64_t health_mono_ms; /* when the health is computed again */
	int64_t resync_mono_ms; /* when accounts to ask for their history are looked for again */
	struct account **failed; /* the request for their history */
	size_t n_failed, cap_failed;
	int64_t turn_mono_ms; /* when all accounts are looked through again */
	struct map *qr; /* the account's UUID to struct qr */
	bool qr_pending; /* some code is to be stored */
};

/* qr.c */

void qr_clear(struct upkeep *u); /* wipes the codes; after calls_abort() */
/* Fetches the account's code, if it is due. */
void qr_turn(struct upkeep *u, struct account *a, int64_t now_mono_ms);
/* Stores the codes in one transaction. */
int qr_flush(struct upkeep *u, const struct record_target *to, struct err *err) ERR_MUST_USE;

/* health.c: computes and writes what has changed, in an open transaction. */
int health_write(struct pg *pg, struct err *err) ERR_MUST_USE;

/* resync.c: begins and commits its transaction, when it is due; then asks. */
int resync_flush(struct upkeep *u, const struct record_target *to, struct err *err) ERR_MUST_USE;

/* meta.c */

void meta_clear(struct upkeep *u); /* aborts the looks */
/* Looks at the account, if it is due. */
void meta_turn(struct upkeep *u, struct account *a);
/* Publishes what was found, in one transaction. */
int meta_flush(struct upkeep *u, const struct record_target *to, struct err *err) ERR_MUST_USE;

#endif
