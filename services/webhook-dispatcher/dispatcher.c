/* The main loop of webhook-dispatcher; see dispatcher.h. parts.c opens what it runs on. */
#include "webhook-dispatcher/dispatcher.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "webhook-dispatcher/intake/acquire.h"
#include "webhook-dispatcher/intake/catch_up.h"
#include "webhook-dispatcher/intake/refetch.h"
#include "webhook-dispatcher/intake/replay.h"
#include "webhook-dispatcher/lanes/delivery.h"
#include "webhook-dispatcher/lanes/partition.h"
#include "webhook-dispatcher/lanes/send_queue.h"
#include "webhook-dispatcher/parts.h"
#include "webhook-dispatcher/stats.h"

#define TURN_RECORDS   500
#define CLAIM_ALL_MS   5000 /* also where no row is known: an operator may have revived one */
#define OWNER_DRAIN_MS 5000

struct dispatcher {
	const struct dispatcher_settings *settings;
	struct parts_ops ops;
	struct parts parts;
	struct flush_outcome flushed;
	int64_t flush_mono_ms, claim_mono_ms, claim_all_mono_ms; /* the next time */
	bool reloaded; /* settings: what is made of them is replaced by the next turn */
	bool keyring_changed; /* secrets that could not be opened are tried again */
};

/* Endpoints */

static void on_endpoint_changed(void *ctx, struct endpoint *e)
{
	struct dispatcher *d = ctx;

	readers_endpoint_changed(&d->parts.readers, e);
}

/* Whether records are read while a statement waits. */
static void records_watch(struct dispatcher *d, bool on)
{
	loop_io_set(d->parts.records, on && !d->parts.lanes.draining, false);
}

/* Until they are loaded no record is read: one would pass a new endpoint for good. Takes uuids. */
static int endpoints_load(struct dispatcher *d, struct uuid *uuids, size_t n, struct err *err)
{
	int rc = 0;

	if (n > 0) {
		records_watch(d, false);
		rc = endpoint_cache_load(d->parts.endpoints, owner_tx_pg(d->parts.tx), uuids, n, err);
		records_watch(d, true);
	}
	free(uuids);
	return rc;
}

static int endpoints_reopen(struct dispatcher *d, struct err *err)
{
	struct uuid *unopened;
	size_t n;

	if (!d->keyring_changed)
		return 0;
	unopened = endpoint_cache_unopened(d->parts.endpoints, &n);
	if (endpoints_load(d, unopened, n, err) < 0)
		return -1;
	d->keyring_changed = false;
	return 0;
}

/* Loads what PostgreSQL has notified of since the last turn. */
static int endpoints_refresh(struct dispatcher *d, struct err *err)
{
	struct uuid *changed;
	size_t n;

	if (endpoints_reopen(d, err) < 0 || notices_read(d->parts.notices, &changed, &n, err) < 0)
		return -1;
	if (n == 0)
		return 0;
	return endpoints_load(d, changed, n, err) < 0
		? -1
		: replays_refresh(&d->parts.readers, owner_tx_pg(d->parts.tx), err);
}

/* Partitions */

static int on_acquired(void *ctx, struct pg *pg, const struct progress *rows, size_t n, struct err *err)
{
	struct dispatcher *d = ctx;

	if (notices_listen(d->parts.notices, err) < 0 || endpoint_cache_load(d->parts.endpoints, pg, NULL, 0, err) < 0)
		return -1;
	return partitions_acquire(&d->parts.readers, pg, rows, n, err);
}

/* Everything in memory belongs to partitions. */
static void on_lost(void *ctx)
{
	struct dispatcher *d = ctx;

	deliveries_release(d->parts.lanes.journal);
	journal_clear(d->parts.lanes.journal);
	attempts_abort(&d->parts.sending);
	partitions_revoke(&d->parts.readers);
	endpoint_cache_clear(d->parts.endpoints);
	send_queue_clear(&d->parts.lanes);
}

/* Running */

/* Begins what can be begun. */
static void pump(void *ctx)
{
	struct dispatcher *d = ctx;
	struct delivery *next;

	while ((next = send_queue_next(&d->parts.lanes, clock_mono_ms())))
		attempt_begin(&d->parts.sending, next);
}

static void record_consume(struct dispatcher *d, struct kafka_message *m)
{
	struct reader *r = readers_find(&d->parts.readers, m->partition);

	if (r) {
		reader_consume(r, m);
		reader_hold(r, clock_mono_ms());
	}
	kafka_message_release(m);
}

static int records_consume(struct dispatcher *d, struct err *err)
{
	struct kafka_message m;
	int rc = 0;

	for (int i = 0; i < TURN_RECORDS && (rc = owner_poll(d->parts.owner, 0, &m, err)) == 1; i++)
		record_consume(d, &m);
	return rc < 0 ? -1 : 0;
}

static bool flush_is_due(const struct dispatcher *d, int64_t now, bool *claim)
{
	const struct reader *r;
	int64_t rows = 0;
	size_t i = 0;

	if (now < d->flush_mono_ms)
		return false;
	while ((r = readers_each(&d->parts.readers, &i)))
		rows += r->partition.rows;
	*claim = !d->parts.lanes.draining &&
		((rows > 0 && (now >= d->claim_mono_ms || d->flushed.rows_released)) || now >= d->claim_all_mono_ms ||
			(d->flushed.more_due &&
				send_queue_in_flight(&d->parts.lanes) * 2 <= (size_t)d->settings->max_in_flight));
	return true;
}

/* What is claimed this time. */
static enum flush_claim claim_next(struct dispatcher *d, int64_t now)
{
	bool all = d->flushed.more_due || now >= d->claim_all_mono_ms;

	d->claim_mono_ms = now + d->settings->claim_interval_ms;
	if (all)
		d->claim_all_mono_ms = now + CLAIM_ALL_MS;
	return all ? CLAIM_ALL : CLAIM_KNOWN;
}

static int flush(struct dispatcher *d, bool claim, struct err *err)
{
	int64_t now = clock_mono_ms();
	enum flush_claim what = claim ? claim_next(d, now) : CLAIM_NOTHING;
	struct reader *r;
	size_t i = 0;

	d->flush_mono_ms = now + d->settings->flush_interval_ms;
	d->flushed.rows_released = false;
	while ((r = readers_each(&d->parts.readers, &i)))
		partition_relieve(&r->partition, now);
	return flush_write(d->parts.flush, what, &d->flushed, err);
}

/* Notifications that arrived while a statement above waited come before records: a record read first passes a new endpoint. */
static int turn(void *ctx, struct err *err)
{
	struct dispatcher *d = ctx;
	int64_t now = clock_mono_ms();
	bool claim = false;
	struct reader *r;
	size_t i = 0;

	records_watch(d, true);
	if (upkeep_tidy(&d->parts.upkeep, now, err) < 0 || endpoints_refresh(d, err) < 0 ||
		upkeep_report(&d->parts.upkeep, now, err) < 0)
		return -1;
	if (!d->parts.lanes.draining && !notices_pending(d->parts.notices) && records_consume(d, err) < 0)
		return -1;
	if (!owner_running(d->parts.owner))
		return 0;
	while (!d->parts.lanes.draining && (r = readers_each(&d->parts.readers, &i))) {
		reader_hold(r, clock_mono_ms());
		catch_up_turn(r);
		refetch_turn(r);
	}
	send_queue_wake(&d->parts.lanes, now);
	pump(d);
	return flush_is_due(d, now, &claim) ? flush(d, claim, err) : 0;
}

static void settings_apply(struct dispatcher *d)
{
	struct keyring *keyring = NULL;
	struct err err;

	d->reloaded = false;
	if (keyring_parse(&keyring, str_of(d->settings->keyring), &err) < 0) {
		log_error("settings not applied", LOG_ERR(&err));
		return;
	}
	endpoint_cache_use_keyring(d->parts.endpoints, &keyring);
	d->keyring_changed = true;
}

/* A failure of one turn concerns all partitions: they are acquired again. */
static int on_turn(void *ctx, struct err *err)
{
	struct dispatcher *d = ctx;

	if (d->reloaded)
		settings_apply(d);
	return owner_step(d->parts.owner, 0, turn, d, err);
}

/* Nothing more is begun; requests in flight get their time, and their results are written. */
static void on_drain(void *ctx)
{
	struct dispatcher *d = ctx;

	d->parts.lanes.draining = true;
	records_watch(d, false);
}

static bool on_busy(void *ctx)
{
	const struct dispatcher *d = ctx;

	return send_queue_in_flight(&d->parts.lanes) > 0 && owner_running(d->parts.owner);
}

int dispatcher_run(struct dispatcher *d, struct err *err)
{
	int rc = reactor_run(d->parts.reactor, err);
	struct err last;

	if (rc < 0 && !d->parts.lanes.draining)
		return -1;
	if (owner_running(d->parts.owner) && flush(d, false, &last) < 0)
		log_warn("last results not written: the next owner delivers these events again", LOG_ERR(&last));
	owner_drain(d->parts.owner, OWNER_DRAIN_MS);
	return rc;
}

/* Records are also read while PostgreSQL works: a commit may take as long as its disk does. Between statements turn() reads them, after changes
 * of endpoints. */
static void on_records(void *ctx)
{
	struct dispatcher *d = ctx;
	struct kafka_message m;

	if (!reactor_waiting(d->parts.reactor) || d->parts.lanes.draining)
		return;
	if (notices_pending(d->parts.notices)) {
		records_watch(d, false); /* until the next turn: the loop would spin */
		return;
	}
	for (int i = 0; i < TURN_RECORDS && owner_fetch(d->parts.owner, &m); i++)
		record_consume(d, &m);
	pump(d);
}

/* Opening */

int dispatcher_open(struct dispatcher **out, const struct dispatcher_settings *settings, struct service *service,
	struct err *err)
{
	struct dispatcher *d = mem_calloc(1, sizeof(*d));

	d->settings = settings;
	d->ops = (struct parts_ops){
		.reactor = { .turn = on_turn, .drain = on_drain, .busy = on_busy },
		.owner = { .acquired = on_acquired, .lost = on_lost },
		.endpoint_changed = on_endpoint_changed,
		.attempt_ended = pump,
		.records_ready = on_records,
		.ctx = d,
	};
	stats_init();
	if (parts_open(&d->parts, settings, service, &d->ops, err) < 0) {
		dispatcher_close(&d);
		return -1;
	}
	*out = d;
	return 0;
}

void dispatcher_close(struct dispatcher **dispatcher)
{
	struct dispatcher *d = *dispatcher;

	*dispatcher = NULL;
	if (!d)
		return;
	parts_close(&d->parts);
	free(d);
}

/* SIGHUP is handled while a statement waits, too. */
void dispatcher_reload(struct dispatcher *d)
{
	d->reloaded = true;
}
