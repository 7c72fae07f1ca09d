/* Periodic work: sets metrics, and deletes old attempts and finished rows. */
#ifndef WEBHOOK_DISPATCHER_UPKEEP_H
#define WEBHOOK_DISPATCHER_UPKEEP_H

#include "http/sender_pool.h"
#include "webhook-dispatcher/intake/readers.h"

struct upkeep {
	const struct dispatcher_settings *settings;
	struct readers *readers;
	struct sender_pool *senders;
	struct owner_tx *tx;
	int64_t report_mono_ms, tidy_mono_ms; /* when they run next */
	unsigned reports;
	struct resolver_stats lookups; /* at the last report */
};

/* Both do nothing before their interval has passed. */
int upkeep_report(struct upkeep *u, int64_t now_mono_ms, struct err *err) ERR_MUST_USE;
/* Deletes old attempts and finished rows, and creates the attempts' partitions of the next days. Any replica may do so first. */
int upkeep_tidy(struct upkeep *u, int64_t now_mono_ms, struct err *err) ERR_MUST_USE;

#endif
