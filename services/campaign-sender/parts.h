/* The parts of campaign-sender: what is opened once. */
#ifndef CAMPAIGN_SENDER_PARTS_H
#define CAMPAIGN_SENDER_PARTS_H

#include "campaign-sender/commit/flush.h"
#include "campaign-sender/driver/driver.h"
#include "campaign-sender/intake/intake.h"
#include "campaign-sender/notices.h"
#include "campaign-sender/status/status.h"
#include "campaign-sender/upkeep.h"
#include "service/reactor.h"

/* Indexes in owner_options.topics. */
enum sender_topic { SENDER_OUTBOUND, SENDER_COMMANDS, SENDER_CHAT_EVENTS, SENDER_TOPICS };

struct parts {
	struct service *service; /* borrowed */
	struct reactor *reactor;
	struct guard *guard;
	struct sender_pool *pool;
	struct worker *worker;
	struct owner *owner; /* the worker's */
	struct owner_tx *tx; /* for statements between two transactions */
	struct notices *notices;
	struct loop_io *records;
	struct loop_timer *again; /* the main loop has something to do */

	struct shared shared;
	struct lanes lanes;
	struct sending sending;
	struct scope_waits *waits;
	struct campaign_warnings *warnings;
	struct flush *flush;
	struct intake *intake;
	struct driver *driver;
	struct status_worker *status;
	struct upkeep upkeep;
	bool lanes_open;
	bool due; /* a single message is: it does not wait for flush.interval */
};

/* What the parts call; all with ctx. */
struct parts_ops {
	struct reactor_ops reactor;
	const struct worker_ops *worker; /* with worker_ctx */
	void *worker_ctx;
	struct intake_ops intake;
	void (*held)(void *ctx, int64_t workspace_id, int64_t account_id, int64_t until_us);
	void (*attempt_ended)(void *ctx);
	void (*woken)(void *ctx); /* records have arrived, or a timer has fired */
	void *ctx;
};

/* p is zeroed; settings, service and ops are borrowed. On failure the caller closes, too. ERR_INPUT, ERR_FATAL. */
int parts_open(struct parts *p, const struct sender_settings *settings, struct service *service,
	const struct parts_ops *ops, struct err *err) ERR_MUST_USE;
void parts_close(struct parts *p);

#endif
