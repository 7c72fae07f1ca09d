/* ingest as a whole: its parts, and what all requests share. One thread and one loop; the reader's thread only feeds the
 * directory.
 *
 * Invariant: a 2xx is answered only after Kafka acknowledged every event and every dead letter of the request.
 */
#ifndef INGEST_INGEST_H
#define INGEST_INGEST_H

#include <sys/queue.h>

#include "http/server.h"
#include "ingest/directory.h"
#include "ingest/limits.h"
#include "ingest/proxies.h"
#include "ingest/publish.h"
#include "ingest/settings.h"
#include "service/service.h"

struct request;
TAILQ_HEAD(request_list, request);

/* Random bytes for ids of traces, which are no secret: asked of the system for many at once. */
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
	struct publisher *publisher;
	struct directory *directory;
	struct networks *proxies;
	struct limiter *failures, *accounts, *syncs; /* by source address, by account */

	struct request_list deadlines; /* being handled, the oldest first */
	struct request_list idle; /* to be used again */
	size_t n_idle, n_requests; /* n_requests: not idle */
	size_t bytes_in_flight;
	struct loop_timer *expiry;
	struct buf answer; /* scratch for one answer's body */
	struct trace_random trace_random;

	struct loop_io *signals;
	struct loop_timer *tick, *drain;
	struct service_condition *ready_directory, *ready_kafka;
	bool draining;
	int64_t drain_until_mono_ms;
};

/* settings and service are borrowed; settings may change with a reload, in the loop's thread. ERR_INPUT, ERR_FATAL. */
int ingest_open(struct ingest **out, const struct ingest_settings *settings, struct service *service,
	struct err *err) ERR_MUST_USE;
/* Until SIGTERM, and then until what is under way is finished or drain.timeout has passed. */
int ingest_run(struct ingest *in, struct err *err) ERR_MUST_USE;
void ingest_close(struct ingest **ingest);
/* After SIGHUP: proxies and keys anew; limits are read at each use. */
void ingest_reload(struct ingest *in);

/* handler.c: libs/http's callbacks; ctx is the struct ingest. */
struct http_admission handler_admit(void *ctx, struct http_request *r);
void handler_handle(void *ctx, struct http_request *r);
void handler_gone(void *ctx, struct http_request *r);

#endif
