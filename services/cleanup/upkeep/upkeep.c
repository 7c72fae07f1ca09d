/* See upkeep.h. */
#include "cleanup/upkeep/private.h"

#include <stdlib.h>

#include "base/clock.h"

#define TURN_MS 500 /* between two rounds over all accounts */

struct upkeep *upkeep_new(const struct upkeep_options *options)
{
	struct upkeep *u = mem_calloc(1, sizeof(*u));

	u->options = *options;
	u->qr = map_new();
	u->meta = map_new();
	return u;
}

void upkeep_clear(struct upkeep *u)
{
	qr_clear(u);
	meta_clear(u);
	u->n_failed = 0;
	u->turn_mono_ms = u->health_mono_ms = u->resync_mono_ms = 0;
}

void upkeep_free(struct upkeep *u)
{
	if (!u)
		return;
	upkeep_clear(u);
	map_free(u->qr);
	map_free(u->meta);
	free(u->failed);
	free(u);
}

void upkeep_use_keyring(struct upkeep *u, const struct keyring *keyring)
{
	u->options.keyring = keyring;
}

void upkeep_turn(struct upkeep *u)
{
	int64_t now = clock_mono_ms();
	struct account *a;
	size_t i = 0;

	if (now < u->turn_mono_ms)
		return;
	u->turn_mono_ms = now + TURN_MS;
	while ((a = accounts_each(u->options.accounts, &i))) {
		qr_turn(u, a, now);
		meta_turn(u, a);
	}
}

static int health_flush(struct upkeep *u, const struct record_target *to, struct err *err)
{
	int64_t now = clock_mono_ms();

	if (now < u->health_mono_ms)
		return 0;
	u->health_mono_ms = now + u->options.health_interval_ms;
	if (lease_begin(to->lease, err) < 0 || health_write(lease_pg(to->lease), err) < 0)
		return -1;
	return lease_commit(to->lease, err);
}

int upkeep_flush(struct upkeep *u, const struct record_target *to, struct err *err)
{
	if (u->qr_pending && qr_flush(u, to, err) < 0)
		return -1;
	if (u->meta_pending && meta_flush(u, to, err) < 0)
		return -1;
	return health_flush(u, to, err) < 0 ? -1 : resync_flush(u, to, err);
}
