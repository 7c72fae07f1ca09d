/* Opening and closing the parts of campaign-sender; see parts.h. */
#include "campaign-sender/parts.h"

#define TURN_MS       20
#define DLQ_MAX_BYTES (4 << 20)
#define MAX_PAIRS     200000
#define LOOKUPS       16
#define LOOKUP_SHARE  25
#define SWEEP_MS      1000

static struct pg_options pg_options_of(struct parts *p, const struct sender_settings *s, const char *application_name)
{
	struct pg_options options = postgres_options(&s->postgres, application_name);

	reactor_pg(p->reactor, &options);
	return options;
}

static int reactor_start(struct parts *p, const struct sender_settings *s, struct service *service,
	const struct parts_ops *ops, struct err *err)
{
	const struct reactor_options options = {
		.turn_ms = TURN_MS, .drain_timeout_ms = s->drain_timeout_ms, .coarse = true
	};

	return reactor_open(&p->reactor, service, &options, &ops->reactor, ops->ctx, err);
}

static int pool_start(struct parts *p, const struct sender_settings *s, struct err *err)
{
	const struct sender_pool_options options = {
		.sender = { .loop = reactor_loop(p->reactor),
			.guard = p->guard,
			.max_connections = (int)s->max_in_flight,
			.user_agent = "Blazz-Sender/1",
			.ca_file = s->ca_file },
		.threads = (int)s->threads,
		.lookups = LOOKUPS,
		.lookup_share = LOOKUP_SHARE,
	};

	return sender_pool_open(&p->pool, &options, err);
}

/* Messages and chat events are bulk, so that a command waits for one short transaction of them, however many there are. */
static int worker_start(struct parts *p, const struct sender_settings *s, struct service *service,
	const struct parts_ops *ops, struct err *err)
{
	const struct topic_names *topics = service_topics(service);
	const struct worker_options options = {
		.owner = { .consumer = "campaign-sender",
			.topics = { [SENDER_OUTBOUND] = { .name = topics->of[TOPIC_OUTBOUND],
					    .dlq = topics->of[TOPIC_OUTBOUND_CAMPAIGN_SENDER_DLQ],
					    .bulk = true },
				[SENDER_COMMANDS] = { .name = topics->of[TOPIC_CAMPAIGN_COMMAND],
					.dlq = topics->of[TOPIC_CAMPAIGN_COMMAND_CAMPAIGN_SENDER_DLQ] },
				[SENDER_CHAT_EVENTS] = { .name = topics->of[TOPIC_CHAT_EVENT],
					.dlq = topics->of[TOPIC_CHAT_EVENT_CAMPAIGN_SENDER_DLQ],
					.bulk = true } },
			.backoff_min_ms = (int)s->owner.backoff_min_ms,
			.backoff_max_ms = (int)s->owner.backoff_max_ms,
			.reset_cluster = s->owner.reset_cluster,
			.tidy_interval_ms = 3000,
			.dlq_max_bytes = DLQ_MAX_BYTES,
			.pg = pg_options_of(p, s, "blazz-campaign-sender") },
		.batch_max_events = (int)s->batch_max_events,
		.batch_max_bytes = s->batch_max_bytes,
		.batch_linger_ms = (int)s->batch_linger_ms,
		.batch_interval_ms = { [SENDER_CHAT_EVENTS] = (int)s->batch_interval_ms },
		.outbox_max_outstanding = (int)s->outbox_max_outstanding,
		.sweep_interval_ms = SWEEP_MS,
	};

	return worker_open(&p->worker, service, &options, ops->worker, ops->worker_ctx, err);
}

static int accounts_start(struct parts *p, const struct sender_settings *s, struct err *err)
{
	struct keyring *keyring = NULL;

	if (keyring_parse(&keyring, str_of(s->keyring), err) < 0)
		return -1;
	p->shared.accounts = account_cache_new(&(struct account_cache_options){ .keyring = &keyring,
		.guard = p->guard,
		.limits = { .meta_per_second = (int32_t)s->meta_per_second,
			.bridge_per_minute = (int32_t)s->bridge_per_minute,
			.bridge_burst = (int32_t)s->bridge_burst,
			.bridge_per_hour = (int32_t)s->bridge_per_hour },
		.meta_base_url = s->meta_base_url,
		.meta_version = s->meta_version });
	return 0;
}

static void sending_start(struct parts *p, const struct parts_ops *ops)
{
	p->sending = (struct sending){ .shared = &p->shared,
		.lanes = &p->lanes,
		.pool = p->pool,
		.journal = journal_new(),
		.ended = ops->attempt_ended,
		.ctx = ops->ctx,
		.arena = arena_new(1 << 16) };
}

/* What needs nothing that can fail. */
static void parts_connect(struct parts *p, const struct sender_settings *s, const struct parts_ops *ops)
{
	struct pg_options notices = pg_options_of(p, s, "blazz-campaign-sender notices");
	const struct effects_ops effects = {
		.waits = p->waits, .warnings = p->warnings, .held = ops->held, .ctx = ops->ctx
	};

	p->owner = worker_owner(p->worker);
	p->tx = owner_tx_new(p->owner);
	sending_start(p, ops);
	p->flush = flush_new(&(struct flush_options){ .shared = &p->shared,
		.owner = p->owner,
		.lanes = &p->lanes,
		.sending = &p->sending,
		.effects = effects });
	p->intake = intake_new(&p->shared, &ops->intake);
	p->driver = driver_new(&p->shared);
	p->status = status_worker_new(&p->shared, &effects);
	p->upkeep = (struct upkeep){ .settings = s, .lanes = &p->lanes };
	p->notices = notices_new(reactor_loop(p->reactor), &notices);
	p->records = loop_io_new(reactor_loop(p->reactor), owner_fd(p->owner), true, false, ops->woken, ops->ctx);
	p->again = loop_timer_new(reactor_loop(p->reactor), ops->woken, ops->ctx);
}

int parts_open(struct parts *p, const struct sender_settings *settings, struct service *service,
	const struct parts_ops *ops, struct err *err)
{
	p->service = service;
	p->shared = (struct shared){ .settings = settings,
		.topics = service_topics(service),
		.outbound = SENDER_OUTBOUND,
		.commands = SENDER_COMMANDS,
		.chat_events = SENDER_CHAT_EVENTS };
	lanes_init(&p->lanes, (size_t)settings->max_in_flight, MAX_PAIRS);
	p->lanes_open = true;
	p->waits = scope_waits_new();
	p->warnings = campaign_warnings_new();
	p->shared.campaigns = campaign_cache_new();
	if (guard_new(&p->guard, settings->allowed_networks, settings->allow_http, err) < 0 ||
		accounts_start(p, settings, err) < 0 || reactor_start(p, settings, service, ops, err) < 0 ||
		pool_start(p, settings, err) < 0 || worker_start(p, settings, service, ops, err) < 0)
		return -1;
	parts_connect(p, settings, ops);
	return 0;
}

/* The pool ends requests in flight: their results go into the journal, and are not written any more. The worker calls lost() once more. */
void parts_close(struct parts *p)
{
	loop_io_free(p->records);
	loop_timer_free(p->again);
	owner_tx_free(p->tx);
	sender_pool_close(&p->pool);
	flush_free(p->flush);
	p->flush = NULL;
	worker_close(&p->worker);
	intake_free(p->intake);
	driver_free(p->driver);
	status_worker_free(p->status);
	journal_free(p->sending.journal);
	provider_request_fini(&p->sending.request);
	arena_free(p->sending.arena);
	notices_free(p->notices);
	if (p->lanes_open)
		lanes_fini(&p->lanes);
	account_cache_free(p->shared.accounts);
	campaign_cache_free(p->shared.campaigns);
	scope_waits_free(p->waits);
	campaign_warnings_free(p->warnings);
	guard_free(p->guard);
	reactor_close(&p->reactor);
}
