/* The parts of webhook-dispatcher and its main loop; see dispatcher.h. */
#include "webhook-dispatcher/dispatcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/sender_pool.h"
#include "kafka/scanner.h"
#include "kafka/topics.h"
#include "loop/loop.h"
#include "webhook-dispatcher/commit/flush.h"
#include "webhook-dispatcher/intake/acquire.h"
#include "webhook-dispatcher/intake/catch_up.h"
#include "webhook-dispatcher/intake/refetch.h"
#include "webhook-dispatcher/intake/replay.h"
#include "webhook-dispatcher/lanes/delivery.h"
#include "webhook-dispatcher/lanes/partition.h"
#include "webhook-dispatcher/lanes/send_queue.h"
#include "webhook-dispatcher/notices.h"
#include "webhook-dispatcher/sending/attempt.h"
#include "webhook-dispatcher/sending/sinks.h"
#include "webhook-dispatcher/stats.h"
#include "webhook-dispatcher/upkeep.h"
#include "worker/owner.h"

#define TURN_MS        20
#define TURN_RECORDS   500
#define CLAIM_ALL_MS   5000 /* also where no row is known: an operator may have revived one */
#define OWNER_DRAIN_MS 5000
#define DLQ_MAX_BYTES  (4 << 20)
#define PREFETCH_KB    4096 /* of a partition: what an endpoint cannot take yet waits in Kafka */

struct dispatcher {
	const struct dispatcher_settings *settings;
	struct service *service;
	struct loop *loop;
	struct guard *guard;
	struct sender_pool *senders;
	struct kafka_scanner *scanner, *refetcher;
	struct owner *owner;
	struct owner_tx *tx;
	struct directory *directory;
	struct notices *notices;
	const char *chat_event_topic; /* the service's */
	char name[96]; /* of this replica, for leases */

	struct lane_shared lanes;
	struct readers readers;
	struct sending sending;
	struct flush *flush;
	struct flush_outcome flushed;

	struct upkeep upkeep;

	int64_t flush_mono_ms, claim_mono_ms, claim_all_mono_ms;
	struct arena *reading; /* of one record */
	struct loop_io *signals, *kafka, *scan, *refetch;
	bool waiting; /* a statement does */
};

/* Endpoints */

static void on_endpoint_changed(void *ctx, struct endpoint *e)
{
	struct dispatcher *d = ctx;

	readers_endpoint_changed(&d->readers, e);
}

/* Whether records are read while a statement waits. */
static void records_watch(struct dispatcher *d, bool on)
{
	loop_io_set(d->kafka, on && !d->lanes.draining, false);
}

/* Loads what PostgreSQL has notified of since the last turn. Until it is loaded no record is read: one would pass a new endpoint for good. */
static int endpoints_refresh(struct dispatcher *d, struct err *err)
{
	struct pg *pg = owner_tx_pg(d->tx);
	struct uuid *changed;
	size_t n;
	int rc;

	if (notices_take(d->notices, &changed, &n, err) < 0)
		return -1;
	if (n == 0)
		return 0;
	records_watch(d, false);
	rc = directory_load(d->directory, pg, changed, n, err);
	records_watch(d, true);
	free(changed);
	return rc < 0 ? -1 : replays_refresh(&d->readers, pg, err);
}

/* Partitions */

static int on_taken(void *ctx, struct pg *pg, const struct progress *rows, size_t n, struct err *err)
{
	struct dispatcher *d = ctx;

	if (notices_listen(d->notices, err) < 0 || directory_load(d->directory, pg, NULL, 0, err) < 0)
		return -1;
	return partitions_acquire(&d->readers, pg, rows, n, err);
}

/* Everything in memory belongs to partitions. */
static void on_lost(void *ctx)
{
	struct dispatcher *d = ctx;

	deliveries_release(d->lanes.journal);
	journal_clear(d->lanes.journal);
	attempts_abort(&d->sending);
	partitions_revoke(&d->readers);
	directory_clear(d->directory);
	send_queue_clear(&d->lanes);
}

/* Running */

/* Begins what can be begun. */
static void pump(void *ctx)
{
	struct dispatcher *d = ctx;
	struct delivery *next;

	while ((next = send_queue_next(&d->lanes, clock_mono_ms())))
		attempt_begin(&d->sending, next);
}

static void record_take(struct dispatcher *d, struct kafka_message *m)
{
	struct reader *r = readers_find(&d->readers, m->partition);

	if (r) {
		reader_take(r, m);
		reader_hold(r, clock_mono_ms());
	}
	kafka_message_release(m);
}

static int records_take(struct dispatcher *d, struct err *err)
{
	struct kafka_message m;
	int rc = 0;

	for (int i = 0; i < TURN_RECORDS && (rc = owner_poll(d->owner, 0, &m, err)) == 1; i++)
		record_take(d, &m);
	return rc < 0 ? -1 : 0;
}

static bool flush_is_due(const struct dispatcher *d, int64_t now, bool *claim)
{
	const struct reader *r;
	int64_t rows = 0;
	size_t i = 0;

	if (now < d->flush_mono_ms)
		return false;
	while ((r = readers_each(&d->readers, &i)))
		rows += r->partition.rows;
	*claim = !d->lanes.draining &&
		((rows > 0 && (now >= d->claim_mono_ms || d->flushed.rows_released)) || now >= d->claim_all_mono_ms ||
			(d->flushed.more_due &&
				send_queue_in_flight(&d->lanes) * 2 <= (size_t)d->settings->max_in_flight));
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
	while ((r = readers_each(&d->readers, &i)))
		partition_relieve(&r->partition, now);
	return flush_write(d->flush, what, &d->flushed, err);
}

/* Notifications that arrived while a statement above waited come before records: a record read first passes a new endpoint. */
static int turn(struct dispatcher *d, struct err *err)
{
	int64_t now = clock_mono_ms();
	bool claim = false;
	struct reader *r;
	size_t i = 0;

	records_watch(d, true);
	if (upkeep_tidy(&d->upkeep, now, err) < 0 || endpoints_refresh(d, err) < 0 ||
		upkeep_report(&d->upkeep, now, err) < 0)
		return -1;
	if (!d->lanes.draining && !notices_wait(d->notices) && records_take(d, err) < 0)
		return -1;
	if (!owner_running(d->owner))
		return 0;
	while (!d->lanes.draining && (r = readers_each(&d->readers, &i))) {
		reader_hold(r, clock_mono_ms());
		catch_up_turn(r);
		refetch_turn(r);
	}
	send_queue_wake(&d->lanes, now);
	pump(d);
	return flush_is_due(d, now, &claim) ? flush(d, claim, err) : 0;
}

static int step(struct dispatcher *d, struct err *err)
{
	struct err failure;

	service_alive(d->service);
	loop_turn(d->loop, TURN_MS);
	if (owner_turn(d->owner, 0, err) < 0)
		return -1;
	if (!owner_running(d->owner) || turn(d, &failure) == 0)
		return 0;
	if (failure.kind == ERR_FATAL) {
		*err = failure;
		return -1;
	}
	owner_restart(d->owner, &failure);
	return 0;
}

/* Nothing more is begun; requests in flight get their time, and their results are written. */
static void drain(struct dispatcher *d)
{
	int64_t until = clock_mono_ms() + d->settings->drain_timeout_ms;
	struct err err;

	d->lanes.draining = true;
	loop_io_set(d->kafka, false, false);
	while (send_queue_in_flight(&d->lanes) > 0 && owner_running(d->owner) && clock_mono_ms() < until)
		if (step(d, &err) < 0)
			break;
	if (owner_running(d->owner) && flush(d, false, &err) < 0)
		log_warn("what was delivered last is repeated by the next owner", LOG_ERR(&err));
	owner_drain(d->owner, OWNER_DRAIN_MS);
}

int dispatcher_run(struct dispatcher *d, struct err *err)
{
	while (!service_stopping(d->service))
		if (step(d, err) < 0)
			return -1;
	drain(d);
	return 0;
}

/* Wakening: what is readable ends the turn of the loop, and is read at the top. */

static void on_readable(void *ctx)
{
	(void)ctx;
}

/* Records come in while PostgreSQL works, too: a commit may take as long as its disk does. Else they are read at the top, behind what is new
 * of endpoints. */
static void on_records(void *ctx)
{
	struct dispatcher *d = ctx;
	struct kafka_message m;

	if (!d->waiting || d->lanes.draining)
		return;
	if (notices_wait(d->notices)) {
		records_watch(d, false); /* until the next turn: the loop would spin */
		return;
	}
	for (int i = 0; i < TURN_RECORDS && owner_fetch(d->owner, &m); i++)
		record_take(d, &m);
	pump(d);
}

static void on_scan_readable(void *ctx)
{
	kafka_scanner_woken(ctx);
}

static bool on_wait(void *ctx, int fd, bool write, int timeout_ms)
{
	struct dispatcher *d = ctx;
	bool ready;

	d->waiting = true;
	ready = loop_wait(d->loop, fd, write, timeout_ms);
	d->waiting = false;
	return ready;
}

/* Opening */

static struct pg_options pg_options_of(struct dispatcher *d, const char *application_name)
{
	struct pg_options options = postgres_options(&d->settings->postgres, application_name);

	options.wait = on_wait;
	options.wait_ctx = d;
	return options;
}

static int owner_start(struct dispatcher *d, struct err *err)
{
	static const struct owner_ops ops = { .taken = on_taken, .lost = on_lost };
	const struct dispatcher_settings *s = d->settings;
	const struct owner_options options = {
		.consumer = "webhook-dispatcher",
		.topics = { { .name = d->chat_event_topic,
			.dlq = service_topics(d->service)->of[TOPIC_CHAT_EVENT_WEBHOOK_DISPATCHER_DLQ] } },
		.backoff_min_ms = (int)s->owner.backoff_min_ms,
		.backoff_max_ms = (int)s->owner.backoff_max_ms,
		.tidy_interval_ms = 3000,
		.reset_cluster = s->owner.reset_cluster,
		.prefetch_kb = PREFETCH_KB,
		.dlq_max_bytes = DLQ_MAX_BYTES,
		.pg = pg_options_of(d, "blazz-webhook-dispatcher"),
	};

	return owner_open(&d->owner, d->service, &options, &ops, d, err);
}

static int senders_start(struct dispatcher *d, struct err *err)
{
	const struct dispatcher_settings *s = d->settings;
	const struct sender_pool_options options = {
		.sender = { .loop = d->loop,
			.guard = d->guard,
			.max_connections = (int)s->max_in_flight,
			.user_agent = "Blazz-Webhooks/1",
			.ca_file = s->ca_file },
		.threads = (int)s->threads,
		.lookups = (int)s->max_lookups,
		.lookup_share = (int)s->max_share,
	};

	return sender_pool_open(&d->senders, &options, err);
}

static int scanner_start(struct dispatcher *d, struct kafka_scanner **out, struct err *err)
{
	return kafka_scanner_open(out, service_kafka(d->service), "webhook-dispatcher", d->chat_event_topic, err);
}

static void parts_connect(struct dispatcher *d)
{
	d->sending.directory = d->directory;
	d->sending.pool = d->senders;
	d->readers.owner = d->owner;
	d->readers.scanner = d->scanner;
	d->readers.refetcher = d->refetcher;
	d->readers.directory = d->directory;
	d->upkeep =
		(struct upkeep){ .settings = d->settings, .readers = &d->readers, .senders = d->senders, .tx = d->tx };
	d->flush = flush_new(&(struct flush_options){
		.settings = d->settings, .readers = &d->readers, .owner = d->owner, .tx = d->tx, .replica = d->name });
}

static int parts_open(struct dispatcher *d, struct err *err)
{
	const struct dispatcher_settings *s = d->settings;
	struct pg_options notices = pg_options_of(d, "blazz-webhook-dispatcher notices");
	struct keyring *keyring = NULL;

	if (guard_new(&d->guard, s->allowed_networks, s->allow_http, err) < 0 ||
		keyring_parse(&keyring, str_of(s->keyring), err) < 0)
		return -1;
	d->directory = directory_new(&keyring, d->guard, sinks, on_endpoint_changed, d);
	if (loop_new_coarse(&d->loop, err) < 0 || senders_start(d, err) < 0 || scanner_start(d, &d->scanner, err) < 0 ||
		scanner_start(d, &d->refetcher, err) < 0 || owner_start(d, err) < 0)
		return -1;
	d->tx = owner_tx_new(d->owner);
	parts_connect(d);
	d->notices = notices_new(d->loop, &notices);
	d->signals = loop_io_new(d->loop, service_signal_fd(d->service), true, false, on_readable, d);
	d->kafka = loop_io_new(d->loop, owner_fd(d->owner), true, false, on_records, d);
	d->scan = loop_io_new(d->loop, kafka_scanner_fd(d->scanner), true, false, on_scan_readable, d->scanner);
	d->refetch = loop_io_new(d->loop, kafka_scanner_fd(d->refetcher), true, false, on_scan_readable, d->refetcher);
	return 0;
}

int dispatcher_open(struct dispatcher **out, const struct dispatcher_settings *settings, struct service *service,
	struct err *err)
{
	struct dispatcher *d = mem_calloc(1, sizeof(*d));
	char host[64] = "";

	stats_init();
	(void)gethostname(host, sizeof(host) - 1);
	snprintf(d->name, sizeof(d->name), "%s:%d", host, (int)getpid());
	d->settings = settings;
	d->service = service;
	d->chat_event_topic = service_topics(service)->of[TOPIC_CHAT_EVENT];
	d->reading = arena_new(1 << 16);
	send_queue_init(&d->lanes, settings, journal_new());
	d->sending =
		(struct sending){ .lanes = &d->lanes, .request = { .arena = d->reading }, .ended = pump, .ctx = d };
	d->readers = (struct readers){ .settings = settings,
		.lanes = &d->lanes,
		.reading = d->reading,
		.replays = map_new(),
		.topic = d->chat_event_topic };
	if (parts_open(d, err) < 0) {
		dispatcher_close(&d);
		return -1;
	}
	*out = d;
	return 0;
}

/* The owner first: it says once more that all partitions are revoked, which aborts requests through the senders. */
void dispatcher_close(struct dispatcher **dispatcher)
{
	struct dispatcher *d = *dispatcher;

	*dispatcher = NULL;
	if (!d)
		return;
	loop_io_free(d->signals);
	loop_io_free(d->kafka);
	loop_io_free(d->scan);
	loop_io_free(d->refetch);
	owner_tx_free(d->tx);
	owner_close(&d->owner);
	sender_pool_close(&d->senders);
	kafka_scanner_close(&d->scanner);
	kafka_scanner_close(&d->refetcher);
	flush_free(d->flush);
	journal_free(d->lanes.journal);
	notices_free(d->notices);
	directory_free(d->directory);
	map_free(d->readers.replays);
	guard_free(d->guard);
	loop_free(d->loop);
	arena_free(d->reading);
	sink_request_fini(&d->sending.request);
	free(d);
}

void dispatcher_reload(struct dispatcher *d)
{
	struct keyring *keyring = NULL;
	struct err err;

	if (keyring_parse(&keyring, str_of(d->settings->keyring), &err) < 0)
		log_error("settings not applied", LOG_ERR(&err));
	else
		directory_use_keyring(d->directory, &keyring);
}
