/* See maintenance.h. */
#include "cleanup/jobs/maintenance.h"

#include "base/log.h"
#include "cleanup/stats.h"
#include "store/cleanup_watch.h"

#define RETRIES_LATE_MS 3600000 /* webhook-dispatcher deletes them in small steps */

struct watch {
	const struct row_env *env;
	struct row_step *step;
	int64_t found[WATCH_FINDINGS];
};

static void on_finding(void *ctx, enum watch_finding f, struct str relation)
{
	struct watch *w = ctx;

	w->step->found++;
	w->found[f]++;
	if (!w->env->dry_run)
		log_error("maintenance is missing", LOG_S("what", watch_finding_word(f)), LOG_STR("table", relation));
}

int maintenance_step(const struct row_env *env, struct row_step *step, struct err *err)
{
	const struct watch_limits limits = { .partitions_keep_days = env->settings->partitions_keep_days,
		.retries_keep_ms = env->settings->retries_keep_ms + RETRIES_LATE_MS };
	struct watch w = { .env = env, .step = step };

	step->done = true;
	if (!uuid_is_nil(&env->workspace)) /* the tables are those of all */
		return 0;
	if (store_watch(env->pg, &limits, on_finding, &w, err) < 0)
		return -1;
	for (enum watch_finding f = 0; f < WATCH_FINDINGS && !env->dry_run; f++)
		stats_watch(f, w.found[f]);
	return 0;
}
