/* What is done now and then: metrics, and the end of old attempts and finished rows. */
#ifndef WEBHOOK_DISPATCHER_UPKEEP_H
#define WEBHOOK_DISPATCHER_UPKEEP_H

#include "http/sender_pool.h"
#include "webhook-dispatcher/intake/readers.h"

struct upkeep {
	const struct dispatcher_settings *settings;
	struct readers *readers;
	struct sender_pool *senders;
	struct owner_tx *tx;
	int64_t report_mono_ms, tidy_mono_ms; /* the next time */
	unsigned reports;
	struct resolver_stats lookups; /* as reported last */
};

/* Each when its time has come. */
int upkeep_report(struct upkeep *u, int64_t now_mono_ms, struct err *err) ERR_MUST_USE;
/* Old attempts and finished rows are deleted, partitions of days to come are created. Any replica may be first. */
int upkeep_tidy(struct upkeep *u, int64_t now_mono_ms, struct err *err) ERR_MUST_USE;

#endif
