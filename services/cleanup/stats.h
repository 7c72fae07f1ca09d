/* cleanup's metrics. */
#ifndef CLEANUP_STATS_H
#define CLEANUP_STATS_H

#include "bridge/answer.h"
#include "cleanup/policy/decision.h"
#include "cleanup/policy/jobs.h"
#include "cleanup/policy/probe.h"
#include "cleanup/policy/throttle.h"
#include "store/cleanup_erasure.h"
#include "store/cleanup_watch.h"
#include "wire/inbound.h"

void stats_init(void);
void stats_leader(bool leads);
void stats_call(enum bridge_kind kind, enum bridge_action action, enum bridge_outcome outcome);
void stats_oddity(enum bridge_kind kind, enum bridge_oddity oddity);
void stats_stray(enum bridge_kind kind);
void stats_migration(void);
/* A managed account's session was lost, as chat-sync reported it; reasons without a word count as "unknown". */
void stats_disconnect(struct str reason);
/* An account has reached what was desired of it so long ago. */
void stats_reconciled(int64_t took_us);
/* A run that has ended, also a dry one. */
void stats_job(enum cleanup_job job, int64_t found, int64_t acted);
/* Of a job that works through rows: a step, a pause, a run that has failed. */
void stats_job_step(enum cleanup_job job, int64_t took_us);
void stats_job_pause(enum cleanup_job job, enum pause_cause cause);
void stats_job_failure(enum cleanup_job job);
/* Workspaces whose retention.messages_days is not valid. */
void stats_invalid_retention(int64_t workspaces);
/* Erasures that are not completed, by stage. */
void stats_erasures(const int64_t n[ERASURE_STAGES]);
/* Counters that differ from a recount. */
enum recount_counter { RECOUNT_UNREAD, RECOUNT_PARTICIPANTS, RECOUNT_CAMPAIGN, RECOUNT_PROGRESS, RECOUNT_COUNTERS };
void stats_recount(enum recount_counter counter);
/* What the last run of maintenance found. */
void stats_watch(enum watch_finding finding, int64_t n);
/* Gauges, set together now and then. Instances have some of their own, if their index is below STATS_INSTANCES: that bounds the labels. */
#define STATS_INSTANCES 1000
struct stats_instance {
	bool listed; /* there is one of that index */
	bool probed, up; /* probed: it is neither off nor still to be probed */
	int64_t sessions;
};
struct stats_report {
	int64_t accounts[OBSERVED_COUNT]; /* by what was observed */
	int64_t pending[PENDING_REASONS];
	int64_t instances[INSTANCE_STATES];
	struct stats_instance each[STATS_INSTANCES]; /* by index */
	int64_t others; /* sessions that instances beyond have listed */
};
void stats_report(const struct stats_report *r);
/* This replica no longer leads: another one's gauges count. */
void stats_report_none(void);

#endif
