/* One of several replicas works: transactions fenced by a lease in PostgreSQL, and an outbox, for a service that consumes nothing.
 * Source: proto/README.md, Delivery.
 *
 * The lease lasts ttl_ms from its last renewal, and every transaction begins with an update that only its epoch lets through: a replica
 * that was paused and wakes writes nothing, however sure it is. A new holder publishes what the outbox still holds before anything
 * new. Everything runs in the caller's thread; while a statement waits, options.pg.wait turns the caller's loop.
 */
#ifndef WORKER_LEASE_H
#define WORKER_LEASE_H

#include "pg/pg.h"
#include "service/service.h"
#include "wire/records.h"
#include "wire/source.h"

struct lease;

struct lease_options {
	const char *name; /* of the lease and of the producer: "cleanup" */
	const char *holder; /* this process: no other has the name, or had it */
	int64_t ttl_ms, renew_interval_ms;
	int backoff_ms; /* after a failure, and between attempts to take it */
	int64_t max_message_bytes;
	struct pg_options pg;
};

struct lease_ops {
	/* It is ours, and what its outbox held is on its way. May be NULL. */
	void (*acquired)(void *ctx);
	/* It is ours no longer: requests in flight are aborted. */
	void (*lost)(void *ctx);
	/* As owner_ops.acknowledged, of the transaction with that epoch and seq. May be NULL. */
	void (*acknowledged)(void *ctx, int64_t epoch, int64_t seq);
};

int lease_open(struct lease **out, struct service *service, const struct lease_options *options,
	const struct lease_ops *ops, void *ctx, struct err *err) ERR_MUST_USE;
/* Waits at most timeout_ms for acknowledgements, deletes what is acknowledged, gives the lease back. Without lost(). */
void lease_close(struct lease **l, int64_t timeout_ms);

/* One turn: publishes, takes or renews the lease when that is due. No transaction is open. -1: only ERR_FATAL. */
int lease_turn(struct lease *l, struct err *err) ERR_MUST_USE;
bool lease_held(const struct lease *l);
/* Held, and last renewed less than ms ago: whether something may begin that outlasts a transaction. */
bool lease_is_fresh(const struct lease *l, int64_t ms);
/* After any failure of a statement or a commit: what is open is rolled back; lost(), unless it is another's already. Taken anew later. */
void lease_fail(struct lease *l, const struct err *why);

struct pg *lease_pg(struct lease *l);
/* BEGIN, and the fence. ERR_FENCED when it is not ours (any more). */
int lease_begin(struct lease *l, struct err *err) ERR_MUST_USE;
/* The stamp of the next record of this transaction. */
struct event_source lease_source(const struct lease *l);
/* Adds a record to the transaction's outbox row. Everything is copied. */
void lease_emit(struct lease *l, struct str topic, struct str key, struct str value, const struct header *headers,
	size_t n_headers);
/* The outbox row, COMMIT; then the records go out. */
int lease_commit(struct lease *l, struct err *err) ERR_MUST_USE;
/* As if it had not begun. */
void lease_rollback(struct lease *l);

#endif
