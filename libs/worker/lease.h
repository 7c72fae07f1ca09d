/* A service of which one replica works at a time and that consumes nothing: transactions fenced by a lease in
 * PostgreSQL, and an outbox. Source: proto/README.md, Delivery.
 *
 * The lease expires ttl_ms after its last renewal, and every transaction begins with an update that only the current
 * epoch passes: a replica that resumes after a pause cannot write, even if it still believes that it holds the lease. A
 * new holder publishes the rows that are left in the outbox before any new one. Everything runs in the caller's thread;
 * while a statement waits, options.pg.wait turns the caller's loop.
 *
 * The holder's clock (base/clock) follows PostgreSQL's, whose times are in the rows: replicas whose clocks are wrong decide
 * the same.
 */
#ifndef WORKER_LEASE_H
#define WORKER_LEASE_H

#include "pg/pg.h"
#include "service/service.h"
#include "wire/records.h"
#include "wire/source.h"

struct lease;

struct lease_options {
	const char *name; /* the name of the lease and of the producer: "cleanup" */
	const char *holder; /* identifies this process; unique over all processes, also former ones */
	int64_t ttl_ms, renew_interval_ms;
	int backoff_ms; /* after a failure, and between attempts to acquire it */
	int64_t max_message_bytes;
	struct pg_options pg;
};

struct lease_ops {
	/* This replica holds the lease, and the rows left in the outbox are being published. May be NULL. */
	void (*acquired)(void *ctx);
	/* This replica no longer holds the lease: the service aborts its requests in flight. */
	void (*lost)(void *ctx);
	/* As owner_ops.acknowledged: all records of the transaction with that epoch and seq are acknowledged. May be
	 * NULL. */
	void (*acknowledged)(void *ctx, int64_t epoch, int64_t seq);
};

int lease_open(struct lease **out, struct service *service, const struct lease_options *options,
	const struct lease_ops *ops, void *ctx, struct err *err) ERR_MUST_USE;
/* Waits at most timeout_ms for acknowledgements, deletes acknowledged rows and releases the lease. Does not call
 * lost(). */
void lease_close(struct lease **l, int64_t timeout_ms);

/* One turn: publishes, and acquires or renews the lease when that is due. No transaction is open. -1: only
 * ERR_FATAL. */
int lease_turn(struct lease *l, struct err *err) ERR_MUST_USE;
bool lease_held(const struct lease *l);
/* Whether the lease is held and was renewed less than ms ago: only then may work begin that outlasts a transaction. */
bool lease_is_fresh(const struct lease *l, int64_t ms);
/* After any failure of a statement or a commit: rolls back an open transaction, calls lost() if the lease was held, and
 * tries to acquire it again after the backoff. */
void lease_fail(struct lease *l, const struct err *why);

struct pg *lease_pg(struct lease *l);
/* BEGIN, and the fence. ERR_FENCED when this replica does not hold the lease (any more). */
int lease_begin(struct lease *l, struct err *err) ERR_MUST_USE;
/* The stamp of the next record of this transaction. */
struct event_source lease_source(const struct lease *l);
/* Adds a record to the transaction's outbox row. Everything is copied. */
void lease_emit(struct lease *l, struct str topic, struct str key, struct str value, const struct header *headers,
	size_t n_headers);
/* Writes the outbox row and commits; then the records are published. */
int lease_commit(struct lease *l, struct err *err) ERR_MUST_USE;
/* Rolls back, and drops what was emitted. */
void lease_rollback(struct lease *l);

#endif
