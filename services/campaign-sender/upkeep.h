/* Periodic work: whether a restored database may send, metrics, and the deletion of old rows. */
#ifndef CAMPAIGN_SENDER_UPKEEP_H
#define CAMPAIGN_SENDER_UPKEEP_H

#include "campaign-sender/lanes/lanes.h"
#include "campaign-sender/settings.h"

struct upkeep {
	const struct sender_settings *settings;
	struct lanes *lanes;
	int64_t report_mono_ms, tidy_mono_ms; /* when they run next */
	unsigned reports;
};

/* Once a second, for these partitions of outbound, when upkeep_reports() says so. */
int upkeep_report(struct upkeep *u, struct pg *pg, const int32_t *partitions, size_t n, int64_t now_mono_ms,
	struct err *err) ERR_MUST_USE;
bool upkeep_reports(const struct upkeep *u, int64_t now_mono_ms); /* whether it is due */
/* Whether lanes may send. */
int upkeep_read_restores(struct upkeep *u, struct pg *pg, struct err *err) ERR_MUST_USE;
/* Deletes old attempts and limits, and creates the attempts' partitions of the next days. Any replica may do so first. */
int upkeep_tidy(struct upkeep *u, struct pg *pg, int64_t now_mono_ms, struct err *err) ERR_MUST_USE;

#endif
