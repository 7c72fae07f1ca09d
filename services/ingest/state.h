/* The state that all requests share; ingest.c opens and closes it. Only the loop's thread uses it. */
#ifndef INGEST_STATE_H
#define INGEST_STATE_H

#include <sys/queue.h>

#include "http/server.h"
#include "ingest/accounts/account_cache.h"
#include "ingest/limits/limits.h"
#include "ingest/limits/sources.h"
#include "ingest/proxies.h"
#include "ingest/records/request_records.h"
#include "ingest/settings.h"
#include "kafka/publication.h"
#include "service/service.h"

struct request;
TAILQ_HEAD(request_list, request);

/* Random bytes for trace ids, which are not secret: read from the kernel for many ids at once. */
#define TRACE_RANDOM_IDS 128
struct trace_random {
	uint8_t bytes[TRACE_RANDOM_IDS][24];
	size_t left;
};

struct ingest {
	const struct ingest_settings *settings;
	struct service *service;
	struct loop *loop;
	struct http_server *http;
	struct kafka_publications *publications;
	struct record_room record_room; /* of the record that is being queued */
	struct account_cache *account_cache;
	struct networks *proxies;
	struct limiter *failures, *successes; /* of authentication, by source address */
	struct limiter *accounts, *syncs; /* by account */
	struct limiter *lines; /* log lines, by reason and account */
	struct sources *sources;

	struct request_list deadlines; /* their bodies are complete; the oldest first */
	struct request_list idle; /* for reuse */
	size_t n_idle, n_requests; /* n_requests: not idle */
	size_t bytes_in_flight; /* of bodies as far as received, and of arenas until Kafka has acknowledged their records */
	struct loop_timer *expiry;
	struct request_list delayed; /* to be answered later (request_answer_delayed), in order of that time */
	struct loop_timer *delay;
	struct http_server_closed closed; /* counters at the last tick */
	struct request_list turns; /* the queue of large bodies (turns.h) */
	struct loop_timer *turn;
	int64_t turn_ms; /* duration of the last turn */
	struct buf answer; /* scratch for one response's body */
	struct trace_random trace_random;

	struct loop_io *signals;
	struct loop_timer *tick, *drain;
	struct service_condition *ready_directory, *ready_kafka;
	bool draining;
	int64_t drain_until_mono_ms;
};

#endif
