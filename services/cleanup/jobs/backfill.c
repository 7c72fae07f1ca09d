/* See backfill.h. */
#include "cleanup/jobs/backfill.h"

#include "base/log.h"
#include "store/cleanup_watch.h"

static void on_step(void *ctx, const struct backfill_step *s)
{
	struct row_step *step = ctx;

	step->found = step->acted = s->rows;
	if (s->completed)
		log_info("backfill completed", LOG_STR("backfill", s->name));
}

int backfill_step(const struct row_env *env, struct row_step *step, struct err *err)
{
	int rc;

	if (!uuid_is_nil(&env->workspace)) { /* a backfill is that of all */
		step->done = true;
		return 0;
	}
	if (env->dry_run) {
		step->done = true;
		return store_backfills_open(env->pg, &step->found, err);
	}
	rc = store_backfill_step(env->pg, step->n, on_step, step, err);
	if (rc < 0)
		return -1;
	step->done = rc == 0;
	step->next = STR("more");
	return 0;
}
