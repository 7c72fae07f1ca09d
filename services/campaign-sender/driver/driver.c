/* See driver.h; private.h lists the parts. */
#include "base/arena.h"
#include "campaign-sender/driver/apply.h"
#include "campaign-sender/driver/step.h"
#include "campaign-sender/driver/sweep.h"
#include "campaign-sender/stats.h"

#include <stdlib.h>

#define BEGIN_WEIGHT 20000 /* batch.max_events at most */

struct driver *driver_new(const struct shared *shared)
{
	struct driver *d = mem_calloc(1, sizeof(*d));

	d->shared = shared;
	d->stale = true;
	return d;
}

void driver_free(struct driver *d)
{
	if (!d)
		return;
	free(d->at);
	free(d);
}

int driver_decode(struct driver *d, const struct kafka_message *m, struct arena *a, void **decoded, struct err *err)
{
	struct campaign_command *c = ARENA_NEW(a, struct campaign_command);

	(void)d;
	if (campaign_command_decode(c, m->value, a, err) < 0)
		return -1;
	*decoded = c;
	return 0;
}

size_t driver_weight(const void *decoded)
{
	const struct campaign_command *c = decoded;

	return c->action == CAMPAIGN_START || c->action == CAMPAIGN_RESUME ? BEGIN_WEIGHT : 1;
}

int driver_apply(struct driver *d, struct owner_tx *tx, struct batch_item *const *items, size_t n, struct err *err)
{
	struct driving w = driving_open(d, tx);

	for (size_t i = 0; i < n; i++)
		if (command_apply(&w, items[i], err) < 0)
			return -1;
	return 0;
}

int driver_sweep(struct driver *d, struct owner_tx *tx, const struct topic_partition *partitions, size_t n,
	struct err *err)
{
	struct driving w = driving_open(d, tx);
	int started, counted;

	d->wake = false;
	if (list_refresh(&w, partitions, n, err) < 0 || (started = schedules_sweep(&w, err)) < 0 ||
		(counted = counters_sweep(&w, err)) < 0 || stalled_report(&w, err) < 0)
		return -1;
	return started || counted;
}

static bool needs_step(const struct driven *c)
{
	return (c->status == CAMPAIGN_RUNNING && !c->prepared) ||
		(c->retrying && (c->status == CAMPAIGN_RUNNING || c->status == CAMPAIGN_PAUSED));
}

/* The next one in turn behind that of the last step, so that a long audience delays no other by more than a chunk. */
static const struct driven *step_turn(const struct driver *d)
{
	const struct driven *first = NULL;

	for (size_t i = 0; i < d->n; i++) {
		if (!needs_step(&d->at[i]))
			continue;
		if (campaign_key_cmp(&d->at[i].key, &d->turn) > 0)
			return &d->at[i];
		if (!first)
			first = &d->at[i];
	}
	return first;
}

int driver_step(struct driver *d, struct owner_tx *tx, const struct topic_partition *partitions, size_t n,
	struct err *err)
{
	struct driving w = driving_open(d, tx);
	const struct driven *turn;
	struct driven c;
	int rc;

	if (list_refresh(&w, partitions, n, err) < 0)
		return -1;
	turn = step_turn(d);
	if (!turn)
		return 0;
	c = *turn;
	d->turn = c.key;
	rc = c.retrying ? retry_step(&w, &c, err) : audience_step(&w, &c, err);
	return rc < 0 ? -1 : 1;
}

bool driver_wants_step(const struct driver *d)
{
	return d->wake;
}

/* Memory was changed with the rows. */
void driver_committed(struct driver *d)
{
	(void)d;
}

void driver_rolled_back(struct driver *d)
{
	d->stale = true;
}

/* May run while a statement of the driver waits: what is in memory stays until the list is read again. */
void driver_lost(struct driver *d)
{
	d->stale = true;
	stats_campaigns(0, 0);
}
