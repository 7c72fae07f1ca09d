/* webhook-dispatcher as a whole: its parts, and what all partitions share. One thread decides everything; libcurl and TLS have threads of
 * their own (http/sender_pool.h). What waits for PostgreSQL turns the event loop meanwhile, so that records are taken in and deliveries go on.
 */
#ifndef WEBHOOK_DISPATCHER_DISPATCHER_H
#define WEBHOOK_DISPATCHER_DISPATCHER_H

#include "http/sender_pool.h"
#include "loop/loop.h"
#include "service/service.h"
#include "webhook-dispatcher/flow.h"
#include "webhook-dispatcher/settings.h"
#include "worker/owner.h"

struct kafka_scanner;
struct notices;
struct settlement;

struct dispatcher {
	const struct dispatcher_settings *settings;
	struct service *service;
	struct loop *loop;
	struct guard *guard;
	struct sender_pool *senders;
	struct kafka_scanner *scanner, *refetcher; /* for those that are behind, and for rows without their event */
	struct owner *owner;
	struct owner_tx *tx;
	struct directory *directory;
	struct notices *notices;
	struct map *replays; /* by id */
	const char *chat_event_topic; /* the service's */
	char name[96]; /* of this replica, for leases */

	struct partition **partitions; /* by number; NULL: not ours */
	size_t n_partitions;
	struct fair_queue queue; /* of lanes */
	struct delivery_list flying;
	struct settlement *filling, *writing;

	int64_t settle_mono_ms, claim_mono_ms, claim_all_mono_ms, report_mono_ms, tidy_mono_ms;
	struct arena *reading; /* of one record */
	struct sink_request request; /* that is put together */
	struct loop_io *signals, *kafka, *scan, *refetch;
	unsigned reports;
	struct resolver_stats lookups; /* as reported last */
	bool claims_all; /* of every partition, this time */
	bool rows_released; /* the next ones of a chain are due now */
	bool more_due; /* than were taken up */
	bool waiting; /* a statement does */
	bool draining;
};

/* Of the owner's one topic. */
static inline struct topic_partition chat_event_partition(int32_t number)
{
	return (struct topic_partition){ 0, number };
}

/* settings and service are borrowed. ERR_INPUT, ERR_FATAL. */
int dispatcher_open(struct dispatcher **out, const struct dispatcher_settings *settings, struct service *service,
	struct err *err) ERR_MUST_USE;
/* Until SIGTERM, and then until what is under way has ended or drain.timeout has passed. */
int dispatcher_run(struct dispatcher *d, struct err *err) ERR_MUST_USE;
void dispatcher_close(struct dispatcher **d);
/* After SIGHUP. */
void dispatcher_reload(struct dispatcher *d);

struct partition *dispatcher_partition(const struct dispatcher *d, int32_t number); /* NULL: not ours */
/* Of what the retry queue, or a position, says when it is taken over. NULL: it was deleted while nobody owned the partition, and what it
 * left ends with the next settlement. */
struct endpoint *dispatcher_endpoint(const struct dispatcher *d, struct endpoint_key key);
size_t dispatcher_in_flight(const struct dispatcher *d);
/* Begins what can be begun. */
void dispatcher_pump(struct dispatcher *d);
/* It falls behind everywhere at once, and is written down. failing_ms: only when it has failed for so long by PostgreSQL's clock; 0: at once. */
void dispatcher_disable(struct dispatcher *d, struct lane *l, const char *reason, int64_t failing_ms);

#endif
