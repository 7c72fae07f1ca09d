/* The parts of cleanup: what is opened once. */
#ifndef CLEANUP_PARTS_H
#define CLEANUP_PARTS_H

#include "cleanup/jobs/jobs.h"
#include "cleanup/jobs/rows.h"
#include "cleanup/lag.h"
#include "cleanup/ledger.h"
#include "cleanup/notices.h"
#include "cleanup/settings.h"
#include "cleanup/storage/storage.h"
#include "cleanup/upkeep/upkeep.h"
#include "service/reactor.h"

struct parts {
	struct reactor *reactor;
	struct guard *guard;
	struct sender_pool *senders;
	struct keyring *keyring;
	struct lease *lease;
	struct notices *notices;
	struct calls *calls;
	struct fleet *fleet;
	struct accounts *accounts;
	struct upkeep *upkeep;
	struct storage *storage;
	struct jobs *jobs;
	struct kafka_ends *ends;
	struct ledger *ledger;
	struct rows *rows;
	struct loop_timer *step; /* ends the wait for events when the next step of a job is due */
	struct arena *arena; /* of one record */
	char replica[96]; /* names this process in the lease */
};

/* What the parts call; all with ctx. */
struct parts_ops {
	struct reactor_ops reactor;
	struct lease_ops lease;
	bool (*may_call)(void *ctx);
	void *ctx;
};

/* p is zeroed; settings, service and ops are borrowed. On failure the caller closes, too. ERR_INPUT, ERR_FATAL. */
int parts_open(struct parts *p, const struct cleanup_settings *settings, struct service *service,
	const struct parts_ops *ops, struct err *err) ERR_MUST_USE;
/* After calls_abort(). */
void parts_close(struct parts *p, int64_t timeout_ms);

#endif
