/* Writes the health of accounts. Invariant: every count enters the penalty once, as it is written with the penalty that includes it. */
#include "cleanup/upkeep/private.h"

#include <math.h>
#include <stdlib.h>

#include "cleanup/policy/health.h"
#include "store/cleanup_health.h"

/* False: nothing is to be written. What was forgotten meanwhile is computed from the last penalty, so that it is not written for itself. */
static bool assess(struct health_row *r)
{
	const struct health_deltas deltas = { .disconnects = r->now.disconnects - r->counted.disconnects,
		.restores = r->now.restores - r->counted.restores,
		.attempts = r->now.attempts - r->counted.attempts,
		.failures = r->now.failures - r->counted.failures };
	bool counted = deltas.disconnects || deltas.restores || deltas.attempts || deltas.failures;
	double penalty = health_penalty((double)r->penalty_thousandths / 1000, r->elapsed_us, &deltas);
	int16_t score = health_score(penalty);
	bool changed = counted || score != r->score;

	r->penalty_thousandths = llround(penalty * 1000);
	r->score = score;
	return changed;
}

int health_write(struct pg *pg, struct err *err)
{
	struct health_row *rows = NULL;
	size_t n = 0, kept = 0;
	int rc;

	if (store_cleanup_health(pg, &rows, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (assess(&rows[i]))
			rows[kept++] = rows[i];
	rc = store_cleanup_health_put(pg, rows, kept, err);
	free(rows);
	return rc;
}
