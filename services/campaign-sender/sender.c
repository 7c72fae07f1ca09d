/* The main loop of campaign-sender; see sender.h. parts.c opens what it runs on.
 *
 *   turn: notices ──► caches ──► a batch, a sweep or a step of the worker ──► flush ──► requests begin
 *
 * Invariant: caches change between transactions only, as those borrow from them. */
#include "campaign-sender/sender.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "campaign-sender/changes.h"
#include "campaign-sender/stats.h"
#include "campaign-sender/topics.h"
#include "kafka/admin.h"

#define OWNER_DRAIN_MS   5000
#define ADMIN_TIMEOUT_MS 5000
#define TURN_FLUSHES     4 /* of a turn */
#define TURN_FLUSH_MS    50 /* from its first flush on; a command that was received waits for the next turn */
#define LAST_FLUSHES     10 /* at the end of a drain: answers of requests that have outlived it may go on coming */

struct sender_service {
	const struct sender_settings *settings;
	struct parts_ops ops;
	struct parts parts;
	int64_t flush_mono_ms; /* the next time */
	bool reloaded; /* settings: what is made of them is replaced by the next turn */
};

static int notices_apply(struct sender_service *s, struct err *err)
{
	struct notice *list;
	size_t n;

	if (notices_read(s->parts.notices, &list, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		change_apply(&s->parts, &list[i]);
	free(list);
	return 0;
}

/* Partitions */

/* The number of outbound's partitions, by which accounts are assigned to lanes; it never changes. */
static int partitions_find(struct parts *p, struct err *err)
{
	const char *topic = p->shared.topics->of[TOPIC_OUTBOUND];
	struct kafka_topic_info *list = NULL;
	struct kafka_admin *admin = NULL;
	int32_t found = 0;
	size_t n = 0;
	int rc;

	if (p->shared.outbound_partitions > 0)
		return 0;
	if (kafka_admin_open(&admin, service_kafka(p->service), err) < 0)
		return -1;
	rc = kafka_admin_list(admin, topic, false, ADMIN_TIMEOUT_MS, &list, &n, err);
	kafka_admin_close(&admin);
	for (size_t i = 0; i < n; i++)
		if (str_is(str_of(list[i].name), topic))
			found = list[i].partitions;
	free(list);
	if (rc == 0 && found == 0)
		return err_set(err, ERR_RETRY, "topic", "%s does not exist", topic);
	p->shared.outbound_partitions = found;
	account_cache_partitions(p->shared.accounts, found);
	return rc;
}

static int on_acquired(void *ctx, struct pg *pg, const struct progress *rows, size_t n, struct err *err)
{
	struct parts *p = ctx;

	for (size_t i = 0; i < n; i++) /* also when what follows fails: it has had this epoch */
		if (str_is(str_of(rows[i].topic), p->shared.topics->of[TOPIC_OUTBOUND]))
			flush_acquired(p->flush, rows[i].partition, rows[i].epoch);
	if (notices_listen(p->notices, err) < 0 || partitions_find(p, err) < 0)
		return -1;
	return upkeep_read_restores(&p->upkeep, pg, err);
}

/* Requests in flight go on: their answers are written when they come, whoever has the lane then. */
static void on_lost(void *ctx)
{
	struct parts *p = ctx;

	lanes_clear(&p->lanes);
	if (p->flush) /* NULL while the service closes */
		flush_lost(p->flush);
	driver_lost(p->driver);
	status_lost(p->status);
}

static const struct worker_ops worker_ops = { .decode = topics_decode,
	.weight = topics_weight,
	.apply = topics_apply,
	.sweep = topics_sweep,
	.sweep_wanted = topics_sweep_wanted,
	.step = topics_step,
	.committed = topics_committed,
	.rolled_back = topics_rolled_back,
	.acquired = on_acquired,
	.lost = on_lost };

/* Running */

static void on_due(void *ctx, int64_t workspace_id, int64_t account_id)
{
	(void)workspace_id;
	change_lane_due(&((struct sender_service *)ctx)->parts, account_id);
}

static bool is_local(void *ctx, int64_t account_id)
{
	const struct sender_service *s = ctx;

	return lanes_find(&s->parts.lanes, account_id);
}

static void on_held(void *ctx, int64_t workspace_id, int64_t account_id, int64_t until_us)
{
	struct sender_service *s = ctx;
	struct lane *lane = lanes_find(&s->parts.lanes, account_id);

	(void)workspace_id;
	if (lane)
		lane_pause(lane, until_us, clock_now_us(), clock_mono_ms());
}

/* The turn that follows does the work. */
static void on_woken(void *ctx)
{
	(void)ctx;
}

static int report(struct sender_service *s, int64_t now, struct err *err)
{
	struct parts *p = &s->parts;
	struct arena *a = owner_tx_arena(p->tx);
	size_t all, n = 0;
	const struct topic_partition *owned = owner_partitions(p->owner, a, &all);
	int32_t *partitions = ARENA_ARRAY(a, int32_t, all + 1);
	int rc;

	for (size_t i = 0; i < all; i++)
		if (owned[i].topic == SENDER_OUTBOUND)
			partitions[n++] = owned[i].number;
	rc = upkeep_report(&p->upkeep, owner_tx_pg(p->tx), partitions, n, now, err);
	owner_tx_reset(p->tx);
	return rc;
}

static int upkeep(struct sender_service *s, struct err *err)
{
	struct parts *p = &s->parts;
	int64_t now = clock_mono_ms();

	if (upkeep_reports(&p->upkeep, now)) {
		if (report(s, now, err) < 0)
			return -1;
		flush_update_accounts(p->flush);
	}
	return upkeep_tidy(&p->upkeep, owner_tx_pg(p->tx), now, err);
}

/* Flushes while a single message waits. */
static int flushes(struct sender_service *s, struct err *err)
{
	int64_t began = clock_mono_ms(), now = began;

	for (int i = 0; i < TURN_FLUSHES && now < began + TURN_FLUSH_MS; i++) {
		bool at_once, wanted = flush_wanted(s->parts.flush, now, &at_once);

		if (!wanted || (!at_once && !s->parts.due && now < s->flush_mono_ms))
			return 0;
		if (s->parts.due && flush_fetch_due(s->parts.flush, err) < 0)
			return -1;
		s->parts.due = false;
		s->flush_mono_ms = now + s->settings->flush_interval_ms;
		if (flush_run(s->parts.flush, err) < 0)
			return -1;
		now = clock_mono_ms();
	}
	loop_timer_set(s->parts.again, 0);
	return 0;
}

/* What the service does itself, between two turns of its worker. */
static int own_turn(struct sender_service *s, struct err *err)
{
	return upkeep(s, err) < 0 ? -1 : flushes(s, err);
}

/* Records are received by the worker itself while a statement waits: a descriptor that stays readable would keep the loop spinning. */
static void records_watch(struct sender_service *s, bool on)
{
	loop_io_set(s->parts.records, on && !s->parts.lanes.draining && worker_receives(s->parts.worker), false);
}

/* A failure of one turn concerns all partitions: they are acquired again. */
static int failed(struct sender_service *s, const struct err *err)
{
	if (err->kind == ERR_FATAL)
		return -1;
	owner_restart(s->parts.owner, err);
	return 0;
}

static int worker_part(struct sender_service *s, struct err *err)
{
	int64_t wait_ms;

	if (s->parts.lanes.draining)
		return owner_turn(s->parts.owner, 0, err);
	if (worker_turn(s->parts.worker, 0, err) < 0)
		return -1;
	wait_ms = worker_wait_ms(s->parts.worker);
	if (wait_ms >= 0)
		loop_timer_set(s->parts.again, wait_ms);
	return 0;
}

static void settings_apply(struct sender_service *s)
{
	struct keyring *keyring = NULL;
	struct err err;

	s->reloaded = false;
	if (keyring_parse(&keyring, str_of(s->settings->keyring), &err) < 0) {
		log_error("settings not applied", LOG_ERR(&err));
		return;
	}
	account_cache_use_keyring(s->parts.shared.accounts, &keyring);
	flush_refresh_lanes(s->parts.flush);
}

static int on_turn(void *ctx, struct err *err)
{
	struct sender_service *s = ctx;
	int rc;

	records_watch(s, false);
	if (s->reloaded)
		settings_apply(s);
	if (owner_running(s->parts.owner) && notices_apply(s, err) < 0)
		return failed(s, err);
	rc = worker_part(s, err);
	if (rc == 0 && owner_running(s->parts.owner) && own_turn(s, err) < 0)
		rc = failed(s, err);
	records_watch(s, true);
	return rc;
}

/* Nothing more is begun; requests in flight get their time, and their results are written. */
static void on_drain(void *ctx)
{
	struct sender_service *s = ctx;

	s->parts.lanes.draining = true;
}

static bool on_busy(void *ctx)
{
	const struct sender_service *s = ctx;

	return s->parts.lanes.in_flight > 0 || (s->parts.sending.journal->n > 0 && owner_running(s->parts.owner));
}

/* Answers also come while the statements of a flush wait: they need another one. */
static void last_results_write(struct sender_service *s)
{
	struct err err;

	for (int i = 0; i < LAST_FLUSHES && owner_running(s->parts.owner); i++) {
		if (flush_run(s->parts.flush, &err) < 0) {
			log_warn("last results not written: their outcome is unknown to the next owner", LOG_ERR(&err));
			return;
		}
		if (s->parts.sending.journal->n == 0)
			return;
	}
}

int sender_service_run(struct sender_service *s, struct err *err)
{
	int rc = reactor_run(s->parts.reactor, err);

	if (rc < 0 && !s->parts.lanes.draining)
		return -1;
	last_results_write(s);
	owner_drain(s->parts.owner, OWNER_DRAIN_MS);
	return rc;
}

/* Opening */

int sender_service_open(struct sender_service **out, const struct sender_settings *settings, struct service *service,
	struct err *err)
{
	struct sender_service *s = mem_calloc(1, sizeof(*s));

	s->settings = settings;
	s->ops = (struct parts_ops){
		.reactor = { .turn = on_turn, .drain = on_drain, .busy = on_busy },
		.worker = &worker_ops,
		.worker_ctx = &s->parts,
		.intake = { .due = on_due, .local = is_local, .ctx = s },
		.held = on_held,
		.attempt_ended = on_woken,
		.woken = on_woken,
		.ctx = s,
	};
	stats_init();
	if (parts_open(&s->parts, settings, service, &s->ops, err) < 0) {
		sender_service_close(&s);
		return -1;
	}
	*out = s;
	return 0;
}

void sender_service_close(struct sender_service **service)
{
	struct sender_service *s = *service;

	*service = NULL;
	if (!s)
		return;
	parts_close(&s->parts);
	free(s);
}

/* SIGHUP is handled while a statement waits, too: its transaction borrows from the cache. */
void sender_service_reload(struct sender_service *s)
{
	s->reloaded = true;
}
