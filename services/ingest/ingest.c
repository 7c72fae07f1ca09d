/* Opening, running and closing ingest's parts; see ingest.h. */
#include "ingest/ingest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/port_file.h"
#include "ingest/handler.h"
#include "ingest/pipeline/pipeline.h"
#include "ingest/stats.h"

#define TICK_MS        1000
#define DRAIN_STEP_MS  10
#define SOURCES_MAX    100000
#define ACCOUNTS_MAX   200000
#define LINES_MAX      20000
#define KAFKA_CLOSE_MS 5000
#define OWN_FILES      100 /* descriptors reserved for Kafka, PostgreSQL and the admin port */

static void readiness_set(struct ingest *in)
{
	bool loaded = account_cache_loaded(in->account_cache), healthy = kafka_publications_healthy(in->publications);

	service_condition_set(in->ready_directory, loaded, loaded ? NULL : "accounts are not loaded");
	service_condition_set(in->ready_kafka, healthy, healthy ? NULL : "no broker is up");
}

static void accounts_loaded(void *ingest)
{
	readiness_set(ingest);
}

/* Logs at most one line per second, as it runs once per second. */
static void closed_note(struct ingest *in)
{
	const struct http_server_closed now = http_server_closed(in->http), before = in->closed;
	const uint64_t address = now.address - before.address, idle = now.idle - before.idle,
		       slow = now.slow - before.slow;

	in->closed = now;
	stats_closed(address, idle, slow);
	if (address + idle + slow > 0)
		log_warn("connections closed because there were too many", LOG_I("address", address),
			LOG_I("idle", idle), LOG_I("slow", slow));
}

static void tick(void *ingest)
{
	struct ingest *in = ingest;
	const struct catalogue *c = account_cache_catalogue(in->account_cache);

	service_alive(in->service);
	readiness_set(in);
	closed_note(in);
	ingest_stats_gauges(&(struct stats_gauges){
		.requests = in->n_requests,
		.bytes = in->bytes_in_flight,
		.connections = http_server_connections(in->http),
		.accounts = catalogue_accounts(c),
		.apps = catalogue_apps(c),
		.cache_age_ms = account_cache_age_ms(in->account_cache),
	});
	loop_timer_set(in->tick, TICK_MS);
}

/* What a request waited for when its deadline passed. */
static enum refusal waited_for(const struct request *req)
{
	if (req->publishing)
		return REFUSED_KAFKA;
	return req->queued ? REFUSED_ROOM : REFUSED_DIRECTORY;
}

/* The list is in order of deadline, as all requests have the same timeout. */
static void deadlines_expire(void *ingest)
{
	struct ingest *in = ingest;
	struct request *req;
	int64_t now = clock_mono_ms();
	struct err late;

	err_set(&late, ERR_RETRY, "deadline", "request.deadline has passed");
	while ((req = TAILQ_FIRST(&in->deadlines)) && req->deadline_mono_ms <= now)
		request_unavailable(req, waited_for(req), &late);
	if (req)
		loop_timer_set(in->expiry, req->deadline_mono_ms - now);
}

/* ---- draining */

static void drain_check(void *ingest)
{
	struct ingest *in = ingest;

	if (http_server_active(in->http) == 0 || clock_mono_ms() >= in->drain_until_mono_ms)
		loop_stop(in->loop);
	else
		loop_timer_set(in->drain, DRAIN_STEP_MS);
}

static void signals_handle(void *ingest)
{
	struct ingest *in = ingest;

	if (!service_stopping(in->service) || in->draining)
		return;
	in->draining = true;
	in->drain_until_mono_ms = clock_mono_ms() + in->settings->drain_timeout_ms;
	http_server_quiesce(in->http);
	drain_check(in);
}

/* ---- opening */

static int account_cache_start(struct ingest *in, struct err *err)
{
	const struct ingest_settings *s = in->settings;
	const struct account_loader_options options = {
		.postgres = s->postgres,
		.qr_ttl_s = (int)(s->qr_ttl_ms / 1000),
	};
	struct keyring *keyring = NULL;

	if (keyring_parse(&keyring, str_of(s->keyring), err) < 0)
		return -1;
	return account_cache_open(&in->account_cache, in->loop, &options, &keyring, accounts_loaded, in, err);
}

/* Kafka's delivery timeout is well below request.deadline. A record that is acknowledged after a 503 nevertheless
 * becomes a duplicate when the client retries. */
static int kafka_start(struct ingest *in, struct err *err)
{
	const struct kafka_publications_options options = {
		.loop = in->loop,
		.config = service_kafka(in->service),
		.client_id = "blazz-ingest",
		.message_timeout_ms = (int)(in->settings->request_deadline_ms * 7 / 8),
		.max_message_bytes = REQUEST_RECORD_MAX_BYTES,
	};

	return kafka_publications_open(&in->publications, &options, err);
}

/* Leaves descriptors free, so that reconnecting to Kafka and PostgreSQL succeeds with any number of clients. */
static int connections_max(const struct ingest_settings *s)
{
	int64_t wanted = s->http_max_connections, room = wanted;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < (rlim_t)wanted + OWN_FILES)
		room = files.rlim_cur > OWN_FILES ? (int64_t)files.rlim_cur - OWN_FILES : 1;
	if (room < wanted)
		log_warn("fewer connections than configured: raise the limit of open files",
			LOG_I("max_connections", room), LOG_I("configured", wanted));
	return (int)room;
}

static int http_start(struct ingest *in, struct err *err)
{
	const struct ingest_settings *s = in->settings;
	const struct http_server_options options = {
		.listen = s->http_listen,
		.loop = in->loop,
		.max_connections = connections_max(s),
		.max_connections_per_address = (int)s->http_max_connections_per_address,
		.header_timeout_ms = (int)s->http_header_timeout_ms,
		.body_timeout_ms = (int)s->http_body_timeout_ms,
		.idle_timeout_ms = (int)s->http_idle_timeout_ms,
		.exempt = handler_exempt,
		.admit = handler_admit,
		.grow = handler_grow,
		.handle = handler_handle,
		.gone = handler_gone,
		.ctx = in,
	};

	if (http_server_open(&in->http, &options, err) < 0)
		return -1;
	log_info("listening", LOG_I("port", http_server_port(in->http)));
	if (port_file_write(s->http_port_file, http_server_port(in->http), err) < 0)
		return err_wrap(err, "http.port_file");
	return 0;
}

static int parts_open(struct ingest *in, struct err *err)
{
	if (loop_new(&in->loop, err) < 0 || networks_parse(&in->proxies, in->settings->http_trusted_proxies, err) < 0 ||
		account_cache_start(in, err) < 0 || kafka_start(in, err) < 0 || http_start(in, err) < 0)
		return -1;
	in->expiry = loop_timer_new(in->loop, deadlines_expire, in);
	in->delay = loop_timer_new(in->loop, requests_answer_delayed, in);
	in->turn = loop_timer_new(in->loop, pipeline_turn, in);
	in->drain = loop_timer_new(in->loop, drain_check, in);
	in->tick = loop_timer_new(in->loop, tick, in);
	in->signals = loop_io_new(in->loop, service_signal_fd(in->service), true, false, signals_handle, in);
	loop_timer_set(in->tick, 0);
	return 0;
}

int ingest_open(struct ingest **out, const struct ingest_settings *settings, struct service *service, struct err *err)
{
	struct ingest *in = mem_calloc(1, sizeof(*in));

	ingest_stats_init();
	in->settings = settings;
	in->service = service;
	in->failures = limiter_new(SOURCES_MAX);
	in->successes = limiter_new(SOURCES_MAX);
	in->accounts = limiter_new(ACCOUNTS_MAX);
	in->syncs = limiter_new(ACCOUNTS_MAX);
	in->lines = limiter_new(LINES_MAX);
	in->sources = sources_new();
	TAILQ_INIT(&in->deadlines);
	TAILQ_INIT(&in->delayed);
	TAILQ_INIT(&in->turns);
	TAILQ_INIT(&in->idle);
	in->ready_directory = service_condition(service, "directory");
	in->ready_kafka = service_condition(service, "kafka");
	if (parts_open(in, err) < 0) {
		ingest_close(&in);
		return -1;
	}
	*out = in;
	return 0;
}

int ingest_run(struct ingest *in, struct err *err)
{
	return loop_run(in->loop, err);
}

/* The server is closed first: no client waits for the remaining records, which only have to be flushed. */
void ingest_close(struct ingest **ingest)
{
	struct ingest *in = *ingest;

	*ingest = NULL;
	if (!in)
		return;
	loop_io_free(in->signals);
	http_server_close(&in->http);
	kafka_publications_close(&in->publications, KAFKA_CLOSE_MS);
	account_cache_close(&in->account_cache);
	requests_free(in);
	loop_timer_free(in->expiry);
	loop_timer_free(in->delay);
	loop_timer_free(in->turn);
	loop_timer_free(in->drain);
	loop_timer_free(in->tick);
	loop_free(in->loop);
	limiter_free(in->failures);
	limiter_free(in->successes);
	limiter_free(in->accounts);
	limiter_free(in->syncs);
	limiter_free(in->lines);
	sources_free(in->sources);
	networks_free(in->proxies);
	buf_fini(&in->answer);
	free(in);
}

void ingest_reload(struct ingest *in)
{
	struct networks *proxies = NULL;
	struct keyring *keyring = NULL;
	struct err err;

	if (networks_parse(&proxies, in->settings->http_trusted_proxies, &err) < 0 ||
		keyring_parse(&keyring, str_of(in->settings->keyring), &err) < 0) {
		log_error("settings not applied", LOG_ERR(&err)); /* unexpected: they were checked */
		networks_free(proxies);
		return;
	}
	networks_free(in->proxies);
	in->proxies = proxies;
	account_cache_set_keyring(in->account_cache, &keyring);
}
