/* The main loop of cleanup; see cleaner.h. parts.c opens what it runs on.
 *
 *   standing by ──lease──► loads instances and accounts ──► leads: notifications, probes, decisions, one transaction of results
 *        ▲                                                    │
 *        └──── lease lost, or any statement failed ───────────┘   calls in flight are aborted, everything is forgotten
 */
#include "cleanup/cleaner.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "cleanup/parts.h"
#include "cleanup/stats.h"

#define DECIDE_MS 100 /* between two rounds over all accounts */
#define REPORT_MS 1000
#define RELOAD_MS 1000 /* at least, between two readings of all accounts */
#define PAUSE_MS  5000 /* between two questions whether a restore was accepted */
#define CLOSE_MS  3000

struct cleaner {
	const struct cleanup_settings *settings;
	struct service *service;
	struct parts_ops ops;
	struct parts parts;
	bool loaded, paused, draining, reloaded, keyring_changed;
	bool stale; /* all accounts are to be read again */
	int64_t decide_mono_ms, report_mono_ms, pause_mono_ms, reload_mono_ms; /* the next time */
};

static bool on_may_call(void *ctx)
{
	const struct cleaner *c = ctx;

	return lease_is_fresh(c->parts.lease, calls_within_ms(c->settings) - calls_begin_ms(c->settings));
}

static void on_lost(void *ctx)
{
	struct cleaner *c = ctx;

	stats_leader(false);
	stats_report_none();
	calls_abort(c->parts.calls);
	upkeep_clear(c->parts.upkeep);
	accounts_clear(c->parts.accounts);
	jobs_clear(c->parts.jobs);
	rows_clear(c->parts.rows);
	fleet_clear(c->parts.fleet);
	notices_stop(c->parts.notices);
	c->loaded = false;
}

/* Leading */

/* Reads the instances, whose URLs the accounts' rows repeat. */
static int instances_load(struct cleaner *c, struct err *err)
{
	struct pg *pg = lease_pg(c->parts.lease);

	if (fleet_load(c->parts.fleet, pg, err) < 0 || lease_begin(c->parts.lease, err) < 0 ||
		store_cleanup_follow_urls(pg, err) < 0)
		return -1;
	return lease_commit(c->parts.lease, err);
}

static int accounts_reload(struct cleaner *c, struct err *err)
{
	if (accounts_load(c->parts.accounts, lease_pg(c->parts.lease), NULL, 0, err) < 0)
		return -1;
	c->stale = false;
	c->reload_mono_ms = clock_mono_ms() + RELOAD_MS;
	return 0;
}

/* Listens before it reads, so that no change is missed. */
static int load(struct cleaner *c, struct err *err)
{
	struct pg *pg = lease_pg(c->parts.lease);

	if (notices_listen(c->parts.notices, err) < 0 || instances_load(c, err) < 0 || accounts_reload(c, err) < 0 ||
		jobs_load(c->parts.jobs, pg, err) < 0 || rows_load(c->parts.rows, pg, err) < 0)
		return -1;
	ledger_begin(c->parts.ledger);
	fleet_lead(c->parts.fleet);
	stats_leader(true);
	c->loaded = true;
	c->pause_mono_ms = 0;
	return 0;
}

static int changes_load(struct cleaner *c, struct err *err)
{
	struct pg *pg = lease_pg(c->parts.lease);
	struct notice_batch changed;

	if (notices_read(c->parts.notices, &changed, err) < 0)
		return -1;
	if (changed.instances || c->keyring_changed) {
		if (instances_load(c, err) < 0)
			return -1;
		c->keyring_changed = false;
		accounts_instances_loaded(c->parts.accounts);
	}
	if (changed.jobs && (jobs_load(c->parts.jobs, pg, err) < 0 || rows_load(c->parts.rows, pg, err) < 0))
		return -1;
	if (changed.n_accounts > 0 &&
		accounts_load(c->parts.accounts, pg, changed.accounts, changed.n_accounts, err) < 0)
		return -1;
	c->stale |= changed.everything;
	return c->stale && clock_mono_ms() >= c->reload_mono_ms ? accounts_reload(c, err) : 0;
}

static int pause_check(struct cleaner *c, int64_t now, struct err *err)
{
	if (now < c->pause_mono_ms)
		return 0;
	c->pause_mono_ms = now + PAUSE_MS;
	if (store_cleanup_is_paused(lease_pg(c->parts.lease), &c->paused, err) < 0)
		return -1;
	accounts_observe_only(c->parts.accounts, c->paused);
	return 0;
}

static struct record_target target_of(struct cleaner *c)
{
	return (struct record_target){ .lease = c->parts.lease,
		.topics = service_topics(c->service),
		.arena = c->parts.arena,
		.now_ms = clock_now_ms() };
}

static int flush(struct cleaner *c, struct err *err)
{
	const struct record_target to = target_of(c);

	if (accounts_pending(c->parts.accounts) && accounts_flush(c->parts.accounts, &to, err) < 0)
		return -1;
	if (c->paused || c->draining)
		return 0;
	return upkeep_flush(c->parts.upkeep, &to, err) < 0 ? -1 : storage_turn(c->parts.storage, &to, err);
}

static struct stats_instance instance_stats(const struct instance *at)
{
	return (struct stats_instance){ .listed = true,
		.probed = at->probe.state != INSTANCE_UNKNOWN && !str_is(at->row.desired, "off"),
		.up = at->probe.state == INSTANCE_UP,
		.sessions = at->sessions };
}

static void report(struct cleaner *c, int64_t now)
{
	struct stats_report r = { 0 };
	struct instance *at;
	size_t i = 0;

	if (now < c->report_mono_ms)
		return;
	c->report_mono_ms = now + REPORT_MS;
	while ((at = fleet_each(c->parts.fleet, &i))) {
		r.instances[at->probe.state]++;
		if (at->row.index < STATS_INSTANCES)
			r.each[at->row.index] = instance_stats(at);
		else
			r.others += at->sessions;
	}
	accounts_report(c->parts.accounts, &r);
	stats_report(&r);
}

static int jobs_run(struct cleaner *c, struct err *err)
{
	const struct record_target to = target_of(c);

	if (jobs_turn(c->parts.jobs, c->parts.lease, err) < 0 || ledger_turn(c->parts.ledger, c->parts.lease, err) < 0)
		return -1;
	rows_ledger_read(c->parts.rows, ledger_is_read(c->parts.ledger));
	if (c->paused)
		return 0;
	if (rows_turn(c->parts.rows, &to, err) < 0)
		return -1;
	loop_timer_set(c->parts.step, rows_wait_ms(c->parts.rows));
	return 0;
}

static int lead(struct cleaner *c, struct err *err)
{
	int64_t now = clock_mono_ms();

	if (!c->loaded)
		return load(c, err);
	if (changes_load(c, err) < 0 || pause_check(c, now, err) < 0)
		return -1;
	if (!c->draining && lease_is_fresh(c->parts.lease, calls_within_ms(c->settings))) {
		fleet_turn(c->parts.fleet);
		if (now >= c->decide_mono_ms) {
			c->decide_mono_ms = now + DECIDE_MS;
			accounts_turn(c->parts.accounts);
		}
		if (!c->paused)
			upkeep_turn(c->parts.upkeep);
	}
	report(c, now);
	if (flush(c, err) < 0)
		return -1;
	return c->draining ? 0 : jobs_run(c, err);
}

static void settings_apply(struct cleaner *c)
{
	struct keyring *keyring = NULL;
	struct err err;

	c->reloaded = false;
	if (keyring_parse(&keyring, str_of(c->settings->keyring), &err) < 0) {
		log_error("settings not applied", LOG_ERR(&err));
		return;
	}
	fleet_use_keyring(c->parts.fleet, keyring);
	accounts_use_keyring(c->parts.accounts, keyring);
	upkeep_use_keyring(c->parts.upkeep, keyring);
	keyring_free(c->parts.keyring);
	c->parts.keyring = keyring;
	c->keyring_changed = true;
}

static int on_turn(void *ctx, struct err *err)
{
	struct cleaner *c = ctx;
	struct err why;

	if (c->reloaded)
		settings_apply(c);
	if (lease_turn(c->parts.lease, err) < 0)
		return -1;
	if (!lease_held(c->parts.lease) || lead(c, &why) == 0)
		return 0;
	if (why.kind == ERR_FATAL) {
		*err = why;
		return -1;
	}
	lease_fail(c->parts.lease, &why);
	return 0;
}

static void on_drain(void *ctx)
{
	struct cleaner *c = ctx;

	c->draining = true;
	calls_drain(c->parts.calls);
}

static bool on_busy(void *ctx)
{
	const struct cleaner *c = ctx;

	return calls_pending(c->parts.calls, -1) > 0 && lease_held(c->parts.lease);
}

int cleaner_run(struct cleaner *c, struct err *err)
{
	int rc = reactor_run(c->parts.reactor, err);
	struct err last;

	if (rc == 0 && c->loaded && flush(c, &last) < 0)
		log_warn("last results not written: the next leader looks again", LOG_ERR(&last));
	return rc;
}

int cleaner_open(struct cleaner **out, const struct cleanup_settings *settings, struct service *service,
	struct err *err)
{
	struct cleaner *c = mem_calloc(1, sizeof(*c));

	c->settings = settings;
	c->service = service;
	c->ops = (struct parts_ops){
		.reactor = { .turn = on_turn, .drain = on_drain, .busy = on_busy },
		.lease = { .lost = on_lost },
		.may_call = on_may_call,
		.ctx = c,
	};
	stats_init();
	if (parts_open(&c->parts, settings, service, &c->ops, err) < 0) {
		cleaner_close(&c);
		return -1;
	}
	*out = c;
	return 0;
}

void cleaner_close(struct cleaner **cleaner)
{
	struct cleaner *c = *cleaner;

	*cleaner = NULL;
	if (!c)
		return;
	if (c->parts.calls)
		calls_abort(c->parts.calls);
	parts_close(&c->parts, CLOSE_MS);
	free(c);
}

/* SIGHUP is handled while a statement waits, too. */
void cleaner_reload(struct cleaner *c)
{
	c->reloaded = true;
}
