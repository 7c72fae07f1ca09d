/* The parts of webhook-dispatcher: what is opened once, and what all partitions share. */
#ifndef WEBHOOK_DISPATCHER_PARTS_H
#define WEBHOOK_DISPATCHER_PARTS_H

#include "http/sender_pool.h"
#include "kafka/scanner.h"
#include "service/reactor.h"
#include "webhook-dispatcher/commit/flush.h"
#include "webhook-dispatcher/intake/readers.h"
#include "webhook-dispatcher/notices.h"
#include "webhook-dispatcher/sending/attempt.h"
#include "webhook-dispatcher/upkeep.h"
#include "worker/owner.h"

struct parts {
	struct reactor *reactor;
	struct guard *guard;
	struct sender_pool *senders;
	struct kafka_scanner *scanner, *refetcher;
	struct owner *owner;
	struct owner_tx *tx;
	struct endpoint_cache *endpoints;
	struct notices *notices;
	struct flush *flush;
	struct arena *reading; /* of one record */
	struct loop_io *records, *scan, *refetch;
	char replica[96]; /* names this process in leases */

	struct lane_shared lanes;
	struct readers readers;
	struct sending sending;
	struct upkeep upkeep;
};

/* What the parts call; all with ctx. */
struct parts_ops {
	struct reactor_ops reactor;
	struct owner_ops owner;
	void (*endpoint_changed)(void *ctx, struct endpoint *e);
	void (*attempt_ended)(void *ctx);
	void (*records_ready)(void *ctx); /* Kafka has fetched records */
	void *ctx;
};

/* p is zeroed; settings, service and ops are borrowed. On failure the caller closes, too. ERR_INPUT, ERR_FATAL. */
int parts_open(struct parts *p, const struct dispatcher_settings *settings, struct service *service,
	const struct parts_ops *ops, struct err *err) ERR_MUST_USE;
void parts_close(struct parts *p);

#endif
