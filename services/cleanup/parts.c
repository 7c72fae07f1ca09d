/* Opening and closing the parts of cleanup; see parts.h. */
#include "cleanup/parts.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "cleanup/stats.h"
#include "pacing/share.h"

#define TURN_MS      50
#define CONNECTIONS  200
#define LOOKUPS      16
#define LOOKUP_SHARE SHARE_PERCENT_MAX /* instances are the operator's, not a tenant's */
#define BACKOFF_MS   1000

static struct pg_options pg_options_of(struct parts *p, const struct cleanup_settings *s, const char *application_name)
{
	struct pg_options options = postgres_options(&s->postgres, application_name);

	reactor_pg(p->reactor, &options);
	return options;
}

static int senders_start(struct parts *p, const struct cleanup_settings *s, struct err *err)
{
	const struct sender_pool_options options = {
		.sender = { .loop = reactor_loop(p->reactor),
			.guard = p->guard,
			.max_connections = CONNECTIONS,
			.user_agent = "Blazz-Cleanup/1",
			.ca_file = s->ca_file },
		.threads = 1,
		.lookups = LOOKUPS,
		.lookup_share = LOOKUP_SHARE,
	};

	return sender_pool_open(&p->senders, &options, err);
}

static int lease_start(struct parts *p, const struct cleanup_settings *s, struct service *service,
	const struct parts_ops *ops, struct err *err)
{
	const struct lease_options options = { .name = "cleanup",
		.holder = p->replica,
		.ttl_ms = s->lease_ttl_ms,
		.renew_interval_ms = s->lease_renew_ms,
		.backoff_ms = BACKOFF_MS,
		.max_message_bytes = TOPIC_RECORD_MAX_BYTES,
		.pg = pg_options_of(p, s, "blazz-cleanup") };

	return lease_open(&p->lease, service, &options, &ops->lease, ops->ctx, err);
}

static void on_call_ended(void *ctx, enum bridge_kind kind, enum bridge_action action,
	const struct bridge_answer *answer)
{
	(void)ctx;
	stats_call(kind, action, answer->outcome);
	stats_oddity(kind, answer->oddity);
}

static void on_instance_changed(void *ctx, struct instance *at)
{
	struct parts *p = ctx;

	accounts_instance_changed(p->accounts, at);
}

static void on_listed(void *ctx, struct instance *at, const struct bridge_answer *answer, int64_t asked_us)
{
	struct parts *p = ctx;

	accounts_listed(p->accounts, at, answer, asked_us);
}

/* The wait ends, and with it the turn: rows_turn() comes next. */
static void on_step(void *ctx)
{
	(void)ctx;
}

/* What needs nothing that can fail. */
static void parts_connect(struct parts *p, const struct cleanup_settings *s, const struct parts_ops *ops)
{
	struct pg_options notices = pg_options_of(p, s, "blazz-cleanup notices");

	p->calls = calls_new(&(struct calls_options){ .loop = reactor_loop(p->reactor),
		.senders = p->senders,
		.guard = p->guard,
		.begin_ms = calls_begin_ms(s),
		.may_begin = ops->may_call,
		.ended = on_call_ended,
		.ctx = ops->ctx });
	p->fleet = fleet_new(&(struct fleet_options){ .calls = p->calls,
		.keyring = p->keyring,
		.probe_interval_ms = s->probe_interval_ms,
		.list_interval_ms = s->list_interval_ms,
		.session_ttl_ms = s->session_ttl_ms,
		.changed = on_instance_changed,
		.listed = on_listed,
		.ctx = p });
	p->accounts = accounts_new(&(struct accounts_options){
		.fleet = p->fleet, .calls = p->calls, .keyring = p->keyring, .webhook_base = str_of(s->webhook_base) });
	p->upkeep = upkeep_new(&(struct upkeep_options){ .accounts = p->accounts,
		.fleet = p->fleet,
		.calls = p->calls,
		.keyring = p->keyring,
		.senders = p->senders,
		.guard = p->guard,
		.meta_base_url = str_of(s->meta_base_url),
		.meta_version = str_of(s->meta_version),
		.meta_interval_ms = s->meta_interval_ms,
		.qr_interval_ms = s->qr_interval_ms,
		.qr_ttl_ms = s->qr_ttl_ms,
		.health_interval_ms = s->health_interval_ms,
		.resync_interval_ms = s->resync_interval_ms });
	p->jobs = jobs_new(p->accounts, s);
	p->rows = rows_new(&(struct rows_options){
		.jobs = row_jobs, .settings = s, .chat_sync_lag = chat_sync_lag, .ctx = p->ends });
	p->step = loop_timer_new(reactor_loop(p->reactor), on_step, NULL);
	p->notices = notices_new(reactor_loop(p->reactor), &notices);
	p->arena = arena_new(1 << 14);
}

int parts_open(struct parts *p, const struct cleanup_settings *settings, struct service *service,
	const struct parts_ops *ops, struct err *err)
{
	const struct reactor_options reactor = { .turn_ms = TURN_MS, .drain_timeout_ms = settings->drain_timeout_ms };
	char host[64] = "";

	(void)gethostname(host, sizeof(host) - 1);
	snprintf(p->replica, sizeof(p->replica), "%s:%d:%lld", host, (int)getpid(), (long long)clock_now_ms());
	if (guard_new(&p->guard, settings->allowed_networks, settings->allow_http, err) < 0 ||
		keyring_parse(&p->keyring, str_of(settings->keyring), err) < 0 ||
		reactor_open(&p->reactor, service, &reactor, &ops->reactor, ops->ctx, err) < 0 ||
		senders_start(p, settings, err) < 0 || lease_start(p, settings, service, ops, err) < 0 ||
		kafka_ends_open(&p->ends, service_kafka(service), "blazz-cleanup-ends", err) < 0 ||
		ledger_open(&p->ledger, service_kafka(service), service_topics(service), err) < 0)
		return -1;
	parts_connect(p, settings, ops);
	return storage_open(&p->storage,
		&(struct storage_options){ .accounts = p->accounts,
			.fleet = p->fleet,
			.root = settings->storage_root,
			.interval_ms = settings->storage_interval_ms },
		err);
}

void parts_close(struct parts *p, int64_t timeout_ms)
{
	lease_close(&p->lease, timeout_ms);
	storage_close(&p->storage);
	upkeep_free(p->upkeep);
	rows_free(p->rows);
	loop_timer_free(p->step);
	kafka_ends_close(&p->ends);
	ledger_close(&p->ledger);
	jobs_free(p->jobs);
	accounts_free(p->accounts);
	fleet_free(p->fleet);
	calls_free(p->calls);
	sender_pool_close(&p->senders);
	notices_free(p->notices);
	guard_free(p->guard);
	keyring_free(p->keyring);
	arena_free(p->arena);
	reactor_close(&p->reactor);
}
