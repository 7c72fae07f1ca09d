/* The parts of webhook-dispatcher and its main loop; see dispatcher.h. */
#include "webhook-dispatcher/dispatcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/scanner.h"
#include "kafka/topics.h"
#include "store/webhook_attempts.h"
#include "webhook-dispatcher/notices.h"
#include "webhook-dispatcher/replay.h"
#include "webhook-dispatcher/settlement.h"
#include "webhook-dispatcher/stats.h"

#define TURN_MS        20
#define TURN_RECORDS   500
#define REPORT_MS      1000
#define CLAIM_ALL_MS   5000 /* also where no row is known: an operator may have revived one */
#define DEPTH_EVERY    15 /* reports */
#define TIDY_MS        3600000
#define TIDY_ROWS      10000
#define DAYS_AHEAD     3
#define OWNER_DRAIN_MS 5000
#define DLQ_MAX_BYTES  (4 << 20)
#define QUANTUM_BYTES  8192 /* of a workspace's turn */
#define DELIVERY_BYTES 512 /* what a delivery costs beside its body */
#define PREFETCH_KB    4096 /* of a partition: what an endpoint cannot take yet waits in Kafka */

/* Endpoints */

struct partition *dispatcher_partition(const struct dispatcher *d, int32_t number)
{
	return number >= 0 && (size_t)number < d->n_partitions ? d->partitions[number] : NULL;
}

/* Live again: its rows are due. Not live: it falls behind in every partition, also where it had nothing to do yet. */
static void on_endpoint_changed(void *ctx, struct endpoint *e)
{
	struct dispatcher *d = ctx;

	for (size_t i = 0; i < d->n_partitions; i++)
		if (d->partitions[i])
			lane_endpoint_changed(partition_lane(d->partitions[i], e));
	if (e->live || e->row.deleted)
		settlement_add_endpoint(d->filling, (struct endpoint_key){ e->row.workspace_id, e->row.id },
			e->row.deleted);
}

struct endpoint *dispatcher_endpoint(const struct dispatcher *d, struct endpoint_key key)
{
	struct endpoint *e = directory_find(d->directory, key.endpoint_id);

	if (!e)
		settlement_add_endpoint(d->filling, key, true);
	return e;
}

void dispatcher_disable(struct dispatcher *d, struct lane *l, const char *reason, int64_t failing_ms)
{
	settlement_add_disable(d->filling, l, reason, failing_ms);
	if (failing_ms == 0)
		endpoint_turn_off(d->directory, l->endpoint);
}

/* What PostgreSQL told of since the last turn. */
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
	rc = directory_load(d->directory, pg, changed, n, err) < 0 ? -1 : replays_refresh(d, pg, err);
	free(changed);
	return rc;
}

/* Partitions */

static void position_load(void *ctx, const struct position_row *row)
{
	struct dispatcher *d = ctx;
	struct partition *p = dispatcher_partition(d, row->partition);
	struct endpoint *e = dispatcher_endpoint(d, (struct endpoint_key){ row->workspace_id, row->endpoint_id });

	if (p && e)
		lane_load_position(partition_lane(p, e), row);
}

static void rows_load(void *ctx, const struct retry_count *count)
{
	struct dispatcher *d = ctx;
	struct partition *p = dispatcher_partition(d, count->partition);
	struct endpoint *e = dispatcher_endpoint(d, (struct endpoint_key){ count->workspace_id, count->endpoint_id });
	struct chain *c;

	if (!p || !e ||
		uuid_is_nil(&count->ordering_key)) /* nothing waits behind these: each counts when it is taken up */
		return;
	c = lane_chain(partition_lane(p, e), &count->ordering_key);
	for (int64_t i = 0; i < count->rows; i++)
		chain_add_row(c, count->last_offset);
}

static void partitions_open(struct dispatcher *d, const struct progress *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((size_t)rows[i].partition >= d->n_partitions)
			d->n_partitions = (size_t)rows[i].partition + 1;
	d->partitions = mem_calloc(d->n_partitions + 1, sizeof(*d->partitions));
	for (size_t i = 0; i < n; i++)
		d->partitions[rows[i].partition] = partition_new(d, rows[i].partition, rows[i].next_offset);
}

static int on_taken(void *ctx, struct pg *pg, const struct progress *rows, size_t n, struct err *err)
{
	struct dispatcher *d = ctx;
	int32_t *numbers = mem_calloc(n + 1, sizeof(*numbers));
	struct endpoint *e;
	size_t i = 0;
	int rc = -1;

	for (size_t k = 0; k < n; k++)
		numbers[k] = rows[k].partition;
	if (notices_listen(d->notices, err) < 0 || directory_load(d->directory, pg, NULL, 0, err) < 0)
		goto out;
	partitions_open(d, rows, n);
	while ((e = directory_each(d->directory, &i)))
		if (!e->live && !e->row.deleted)
			on_endpoint_changed(d, e);
	if (positions_read(pg, str_of(d->chat_event_topic), numbers, n, position_load, d, err) < 0 ||
		retries_take(pg, numbers, n, rows_load, d, err) < 0 || replays_load(d, pg, numbers, n, err) < 0)
		goto out;
	rc = 0;
out:
	free(numbers);
	return rc;
}

/* Everything in memory belongs to partitions. What flies ends for nobody. */
static void on_lost(void *ctx)
{
	struct dispatcher *d = ctx;
	struct delivery *flying;

	settlement_clear(d->filling);
	while ((flying = TAILQ_FIRST(&d->flying))) {
		TAILQ_REMOVE(&d->flying, flying, in_list);
		delivery_detach(flying);
		sender_pool_abort(d->senders, flying->parcel);
	}
	for (size_t i = 0; i < d->n_partitions; i++)
		if (d->partitions[i])
			partition_free(d->partitions[i]);
	free(d->partitions);
	d->partitions = NULL;
	d->n_partitions = 0;
	replays_clear(d);
	directory_clear(d->directory);
	fair_queue_clear(&d->queue);
}

/* Running */

size_t dispatcher_in_flight(const struct dispatcher *d)
{
	return d->queue.slots.used;
}

void dispatcher_pump(struct dispatcher *d)
{
	struct fair_flow *f;

	while (!d->draining && (f = fair_queue_next(&d->queue))) {
		struct lane *l = lane_of(f);
		struct delivery *next = lane_next(l);

		fair_queue_charge(&l->endpoint->workspace->tenant, f, (int64_t)next->event->body.n + DELIVERY_BYTES);
		delivery_begin(next);
	}
}

static void lanes_wake(struct dispatcher *d, int64_t now_mono_ms)
{
	struct fair_flow *next = fair_queue_asleep(&d->queue), *f;

	while ((f = fair_queue_due(&next, now_mono_ms)))
		lane_wake(lane_of(f));
}

static void record_take(struct dispatcher *d, struct kafka_message *m)
{
	struct partition *p = dispatcher_partition(d, m->partition);

	if (p) {
		partition_take(p, m);
		partition_hold_back(p);
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

static bool settlement_is_due(const struct dispatcher *d, int64_t now, bool *claim)
{
	int64_t rows = 0;

	if (now < d->settle_mono_ms)
		return false;
	for (size_t i = 0; i < d->n_partitions; i++)
		rows += d->partitions[i] ? d->partitions[i]->rows : 0;
	*claim = !d->draining &&
		((rows > 0 && (now >= d->claim_mono_ms || d->rows_released)) || now >= d->claim_all_mono_ms ||
			(d->more_due && dispatcher_in_flight(d) * 2 <= (size_t)d->settings->max_in_flight));
	return true;
}

static int settle(struct dispatcher *d, bool claim, struct err *err)
{
	struct settlement *s = d->filling;
	int64_t now = clock_mono_ms();

	d->settle_mono_ms = now + d->settings->settle_interval_ms;
	if (claim)
		d->claim_mono_ms = now + d->settings->claim_interval_ms;
	d->claims_all = claim && (d->more_due || now >= d->claim_all_mono_ms);
	if (d->claims_all)
		d->claim_all_mono_ms = now + CLAIM_ALL_MS;
	d->rows_released = false;
	for (size_t i = 0; i < d->n_partitions; i++)
		if (d->partitions[i])
			partition_relieve(d->partitions[i], now);
	d->filling = d->writing;
	d->writing = s;
	return settlement_write(s, d, claim, err);
}

/* What operators must know and tenants must not: an attempt says no more than that its name leads nowhere. */
static void lookups_report(struct dispatcher *d, struct resolver_stats *now)
{
	struct resolver_stats *before = &d->lookups;

	sender_pool_lookups(d->senders, now);
	if (now->broken > before->broken)
		log_error("names cannot be looked up: no memory or descriptors",
			LOG_I("lookups", now->broken - before->broken));
	if (now->refused > before->refused)
		log_warn("names of endpoints lead to addresses that are no targets",
			LOG_I("lookups", now->refused - before->refused));
	*before = *now;
}

static int report(struct dispatcher *d, int64_t now, struct err *err)
{
	struct stats_gauges g = { .in_flight = dispatcher_in_flight(d), .share_limited = d->queue.limited };
	struct retry_depth depth;
	struct arena *a = d->reading;
	struct endpoint *e;
	int32_t *numbers;
	size_t n = 0, i = 0;

	if (now < d->report_mono_ms)
		return 0;
	d->report_mono_ms = now + REPORT_MS;
	for (size_t k = 0; k < d->n_partitions; k++)
		if (d->partitions[k])
			partition_gauge(d->partitions[k], &g);
	while ((e = directory_each(d->directory, &i))) {
		g.endpoints += !e->row.deleted;
		g.endpoints_live += e->live;
	}
	lookups_report(d, &g.lookups);
	stats_gauges(&g);
	d->queue.limited = 0;
	if (d->reports++ % DEPTH_EVERY != 0)
		return 0;
	arena_reset(a);
	numbers = ARENA_ARRAY(a, int32_t, d->n_partitions);
	for (size_t k = 0; k < d->n_partitions; k++)
		if (d->partitions[k])
			numbers[n++] = d->partitions[k]->number;
	if (retries_depth(owner_tx_pg(d->tx), numbers, n, &depth, err) < 0)
		return -1;
	stats_depth(&depth);
	return 0;
}

/* Old attempts and finished rows go; days to come are made. Whoever comes first does it. */
static int tidy(struct dispatcher *d, int64_t now, struct err *err)
{
	struct pg *pg = owner_tx_pg(d->tx);
	int64_t deleted = 0;

	if (now < d->tidy_mono_ms)
		return 0;
	d->tidy_mono_ms = now + TIDY_MS;
	if (attempts_maintain(pg, DAYS_AHEAD, (int)d->settings->attempts_keep_days, err) < 0 ||
		retries_expire(pg, d->settings->retries_keep_ms, TIDY_ROWS, &deleted, err) < 0)
		return -1;
	if (deleted == TIDY_ROWS)
		d->tidy_mono_ms = now + REPORT_MS;
	return 0;
}

static int turn(struct dispatcher *d, struct err *err)
{
	int64_t now = clock_mono_ms();
	bool claim = false;

	if (tidy(d, now, err) < 0 || endpoints_refresh(d, err) < 0 || report(d, now, err) < 0)
		return -1;
	if (!d->draining && records_take(d, err) < 0)
		return -1;
	if (!owner_running(d->owner))
		return 0;
	for (size_t i = 0; !d->draining && i < d->n_partitions; i++)
		if (d->partitions[i]) {
			partition_hold_back(d->partitions[i]);
			catch_up_turn(d->partitions[i]);
			refetch_turn(d->partitions[i]);
		}
	lanes_wake(d, now);
	dispatcher_pump(d);
	return settlement_is_due(d, now, &claim) ? settle(d, claim, err) : 0;
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

/* Nothing more is begun; what is under way gets its time, and what it comes to is written. */
static void drain(struct dispatcher *d)
{
	int64_t until = clock_mono_ms() + d->settings->drain_timeout_ms;
	struct err err;

	d->draining = true;
	loop_io_set(d->kafka, false, false);
	while (dispatcher_in_flight(d) > 0 && owner_running(d->owner) && clock_mono_ms() < until)
		if (step(d, &err) < 0)
			break;
	if (owner_running(d->owner) && settle(d, false, &err) < 0)
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

	if (!d->waiting || d->draining || notices_wait(d->notices))
		return;
	for (int i = 0; i < TURN_RECORDS && owner_fetch(d->owner, &m); i++)
		record_take(d, &m);
	dispatcher_pump(d);
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

static int parts_open(struct dispatcher *d, struct err *err)
{
	const struct dispatcher_settings *s = d->settings;
	struct pg_options notices = pg_options_of(d, "blazz-webhook-dispatcher notices");
	struct keyring *keyring = NULL;

	if (guard_new(&d->guard, s->allowed_networks, s->allow_http, err) < 0 ||
		keyring_parse(&keyring, str_of(s->keyring), err) < 0)
		return -1;
	d->directory = directory_new(&keyring, d->guard, on_endpoint_changed, d);
	if (loop_new_coarse(&d->loop, err) < 0 || senders_start(d, err) < 0 || scanner_start(d, &d->scanner, err) < 0 ||
		scanner_start(d, &d->refetcher, err) < 0 || owner_start(d, err) < 0)
		return -1;
	d->tx = owner_tx_new(d->owner);
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
	d->request.arena = d->reading;
	d->replays = map_new();
	d->filling = settlement_new();
	d->writing = settlement_new();
	fair_queue_init(&d->queue, QUANTUM_BYTES, (size_t)settings->max_in_flight, (int)settings->max_share);
	TAILQ_INIT(&d->flying);
	if (parts_open(d, err) < 0) {
		dispatcher_close(&d);
		return -1;
	}
	*out = d;
	return 0;
}

/* The owner first: it says once more that everything is lost, which what flies must survive. */
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
	settlement_free(d->filling);
	settlement_free(d->writing);
	notices_free(d->notices);
	directory_free(d->directory);
	map_free(d->replays);
	guard_free(d->guard);
	loop_free(d->loop);
	arena_free(d->reading);
	sink_request_fini(&d->request);
	free(d);
}

void dispatcher_reload(struct dispatcher *d)
{
	struct keyring *keyring = NULL;
	struct err err;

	if (keyring_parse(&keyring, str_of(d->settings->keyring), &err) < 0)
		log_error("settings not taken over", LOG_ERR(&err));
	else
		directory_use_keyring(d->directory, &keyring);
}
