/* Opening and closing the parts of webhook-dispatcher; see parts.h. */
#include "webhook-dispatcher/parts.h"

#include <stdio.h>
#include <unistd.h>

#include "kafka/topics.h"
#include "webhook-dispatcher/lanes/send_queue.h"
#include "webhook-dispatcher/sending/sinks.h"
#include "webhook-dispatcher/stats.h"

#define TURN_MS       20
#define DLQ_MAX_BYTES (4 << 20)
#define PREFETCH_KB   4096 /* of a partition: records that an endpoint cannot receive yet stay in Kafka */

static struct pg_options pg_options_of(struct parts *p, const struct dispatcher_settings *s,
	const char *application_name)
{
	struct pg_options options = postgres_options(&s->postgres, application_name);

	reactor_pg(p->reactor, &options);
	return options;
}

static int reactor_start(struct parts *p, const struct dispatcher_settings *s, struct service *service,
	const struct parts_ops *ops, struct err *err)
{
	const struct reactor_options options = {
		.turn_ms = TURN_MS, .drain_timeout_ms = s->drain_timeout_ms, .coarse = true
	};

	return reactor_open(&p->reactor, service, &options, &ops->reactor, ops->ctx, err);
}

static int senders_start(struct parts *p, const struct dispatcher_settings *s, struct err *err)
{
	const struct sender_pool_options options = {
		.sender = { .loop = reactor_loop(p->reactor),
			.guard = p->guard,
			.max_connections = (int)s->max_in_flight,
			.user_agent = "Blazz-Webhooks/1",
			.ca_file = s->ca_file },
		.threads = (int)s->threads,
		.lookups = (int)s->max_lookups,
		.lookup_share = (int)s->max_share,
	};

	return sender_pool_open(&p->senders, &options, err);
}

static int scanner_start(struct kafka_scanner **out, struct service *service, const char *topic, struct err *err)
{
	return kafka_scanner_open(out, service_kafka(service), "webhook-dispatcher", topic, err);
}

static int owner_start(struct parts *p, const struct dispatcher_settings *s, struct service *service,
	const struct parts_ops *ops, struct err *err)
{
	const struct topic_names *topics = service_topics(service);
	const struct owner_options options = {
		.consumer = "webhook-dispatcher",
		.topics = { { .name = topics->of[TOPIC_CHAT_EVENT],
			.dlq = topics->of[TOPIC_CHAT_EVENT_WEBHOOK_DISPATCHER_DLQ] } },
		.backoff_min_ms = (int)s->owner.backoff_min_ms,
		.backoff_max_ms = (int)s->owner.backoff_max_ms,
		.tidy_interval_ms = 3000,
		.reset_cluster = s->owner.reset_cluster,
		.prefetch_kb = PREFETCH_KB,
		.dlq_max_bytes = DLQ_MAX_BYTES,
		.pg = pg_options_of(p, s, "blazz-webhook-dispatcher"),
	};

	return owner_open(&p->owner, service, &options, &ops->owner, ops->ctx, err);
}

static void on_scan_readable(void *ctx)
{
	kafka_scanner_woken(ctx);
}

static struct loop_io *readable(struct parts *p, int fd, loop_fn fn, void *ctx)
{
	return loop_io_new(reactor_loop(p->reactor), fd, true, false, fn, ctx);
}

/* What needs nothing that can fail. */
static void parts_connect(struct parts *p, const struct dispatcher_settings *s, const char *topic,
	const struct parts_ops *ops)
{
	struct pg_options notices = pg_options_of(p, s, "blazz-webhook-dispatcher notices");

	p->tx = owner_tx_new(p->owner);
	p->reading = arena_new(1 << 16);
	send_queue_init(&p->lanes, s, journal_new());
	p->sending = (struct sending){ .lanes = &p->lanes,
		.endpoints = p->endpoints,
		.pool = p->senders,
		.request = { .arena = p->reading },
		.ended = ops->attempt_ended,
		.ctx = ops->ctx };
	p->readers = (struct readers){ .settings = s,
		.owner = p->owner,
		.scanner = p->scanner,
		.refetcher = p->refetcher,
		.endpoints = p->endpoints,
		.lanes = &p->lanes,
		.reading = p->reading,
		.replays = map_new(),
		.topic = topic };
	p->upkeep = (struct upkeep){ .settings = s, .readers = &p->readers, .senders = p->senders, .tx = p->tx };
	p->flush = flush_new(&(struct flush_options){
		.settings = s, .readers = &p->readers, .owner = p->owner, .tx = p->tx, .replica = p->replica });
	p->notices = notices_new(reactor_loop(p->reactor), &notices);
	p->records = readable(p, owner_fd(p->owner), ops->records_ready, ops->ctx);
	p->scan = readable(p, kafka_scanner_fd(p->scanner), on_scan_readable, p->scanner);
	p->refetch = readable(p, kafka_scanner_fd(p->refetcher), on_scan_readable, p->refetcher);
}

int parts_open(struct parts *p, const struct dispatcher_settings *settings, struct service *service,
	const struct parts_ops *ops, struct err *err)
{
	const char *topic = service_topics(service)->of[TOPIC_CHAT_EVENT];
	struct keyring *keyring = NULL;
	char host[64] = "";

	(void)gethostname(host, sizeof(host) - 1);
	snprintf(p->replica, sizeof(p->replica), "%s:%d", host, (int)getpid());
	if (guard_new(&p->guard, settings->allowed_networks, settings->allow_http, err) < 0 ||
		keyring_parse(&keyring, str_of(settings->keyring), err) < 0)
		return -1;
	p->endpoints = endpoint_cache_new(&keyring, p->guard, sinks, ops->endpoint_changed, ops->ctx);
	if (reactor_start(p, settings, service, ops, err) < 0 || senders_start(p, settings, err) < 0 ||
		scanner_start(&p->scanner, service, topic, err) < 0 ||
		scanner_start(&p->refetcher, service, topic, err) < 0 ||
		owner_start(p, settings, service, ops, err) < 0)
		return -1;
	parts_connect(p, settings, topic, ops);
	return 0;
}

/* The owner first: it calls lost() once more, which aborts requests through the senders. */
void parts_close(struct parts *p)
{
	loop_io_free(p->records);
	loop_io_free(p->scan);
	loop_io_free(p->refetch);
	owner_tx_free(p->tx);
	owner_close(&p->owner);
	sender_pool_close(&p->senders);
	kafka_scanner_close(&p->scanner);
	kafka_scanner_close(&p->refetcher);
	flush_free(p->flush);
	journal_free(p->lanes.journal);
	notices_free(p->notices);
	endpoint_cache_free(p->endpoints);
	map_free(p->readers.replays);
	guard_free(p->guard);
	reactor_close(&p->reactor);
	arena_free(p->reading);
	sink_request_fini(&p->sending.request);
}
