/* See lease.h.
 *
 *   standing by --lease_acquire()--> held --lease_renew() every renew_interval_ms--> held
 *        ^                          |
 *        +------ lease_fail() ------+   retried after backoff_ms
 *
 * Invariant: every record that is published was committed behind the fence, and all rows that the outbox held when the
 * lease was acquired are published before it. */
#include "worker/lease.h"

#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "store/leases.h"
#include "store/schema.h"
#include "worker/adopt.h"
#include "worker/outgoing.h"

static const struct topic_partition slot = { 0, 0 };

struct lease {
	struct service *service;
	struct lease_options options;
	const struct lease_ops *ops;
	void *ctx;
	struct publisher *publisher;
	struct pg *pg;
	struct lease_row row;
	bool held, open; /* open: a transaction is open */
	int64_t renewed_mono_ms; /* when the last successful renewal began */
	int64_t next_mono_ms; /* when the lease is acquired or renewed next */
	struct outgoing_records out;
	struct service_condition *leading, *kafka;
};

static void on_acknowledged(void *ctx, struct topic_partition partition, int64_t epoch, int64_t seq)
{
	struct lease *l = ctx;

	(void)partition;
	l->ops->acknowledged(l->ctx, epoch, seq);
}

static int on_idle(void *ctx)
{
	struct lease *l = ctx;

	service_alive(l->service);
	publisher_poll(l->publisher, 0);
	return 0;
}

int lease_open(struct lease **out, struct service *service, const struct lease_options *options,
	const struct lease_ops *ops, void *ctx, struct err *err)
{
	struct lease *l = mem_calloc(1, sizeof(*l));

	l->service = service;
	l->options = *options;
	l->options.pg.idle = on_idle;
	l->options.pg.idle_ctx = l;
	l->ops = ops;
	l->ctx = ctx;
	if (publisher_open(&l->publisher, service_kafka(service), options->name, options->max_message_bytes, err) < 0) {
		free(l);
		return -1;
	}
	publisher_notify(l->publisher, ops->acknowledged ? on_acknowledged : NULL, l);
	l->leading = service_condition(service, "lease");
	l->kafka = service_condition(service, "kafka");
	*out = l;
	return 0;
}

static struct adoption lease_adoption(const struct lease *l)
{
	return (struct adoption){ l->publisher, l->pg, l->options.name, { "" }, 1 };
}

void lease_close(struct lease **ll, int64_t timeout_ms)
{
	struct lease *l = *ll;
	int64_t until = clock_mono_ms() + timeout_ms;
	struct err err;

	if (!l)
		return;
	lease_rollback(l);
	while (publisher_total(l->publisher) > 0 && clock_mono_ms() < until) {
		service_alive(l->service);
		publisher_poll(l->publisher, 20);
	}
	if (l->held && pg_usable(l->pg)) {
		struct adoption a = lease_adoption(l);

		if (outbox_delete_acknowledged(&a, &err) < 0 ||
			store_lease_release(l->pg, l->options.name, l->row.epoch, &err) < 0)
			log_warn("lease not released", LOG_S("lease", l->options.name), LOG_ERR(&err));
	}
	publisher_close(&l->publisher, 0);
	pg_close(&l->pg);
	buf_fini(&l->out.records);
	free(l);
	*ll = NULL;
}

static int lease_connect(struct lease *l, struct err *err)
{
	if (l->pg && pg_usable(l->pg))
		return 0;
	if ((l->pg ? pg_reconnect(l->pg, err) : pg_open(&l->pg, &l->options.pg, err)) < 0)
		return -1;
	return store_schema_version_check(l->pg, SCHEMA_VERSION, err);
}

static void clock_correct(const struct lease *l, int64_t now_us)
{
	int64_t moved_us = clock_follow_us(now_us);

	if (moved_us != 0)
		log_warn("clock corrected: it was not PostgreSQL's", LOG_S("lease", l->options.name),
			LOG_I("moved_ms", moved_us / 1000));
}

/* Rows that the former holder left in the outbox are published first. */
static int lease_acquire(struct lease *l, int64_t now, struct err *err)
{
	struct adoption a;
	int rc;

	if (lease_connect(l, err) < 0)
		return -1;
	rc = store_lease_acquire(l->pg, l->options.name, l->options.holder, l->options.ttl_ms, &l->row, err);
	/* A replica without the lease is ready, too. */
	service_condition_set(l->leading, rc >= 0, rc < 0 ? err->msg : NULL);
	l->next_mono_ms = now + l->options.backoff_ms;
	if (rc <= 0)
		return rc;
	(void)failpoint("lease_acquired");
	clock_correct(l, l->row.now_us);
	a = lease_adoption(l);
	if (outbox_adopt(&a, &slot, 1, err) < 0)
		return -1;
	l->held = true;
	l->renewed_mono_ms = now;
	l->next_mono_ms = now + l->options.renew_interval_ms;
	log_info("lease acquired", LOG_S("lease", l->options.name), LOG_I("epoch", l->row.epoch));
	if (l->ops->acquired)
		l->ops->acquired(l->ctx);
	return 0;
}

static int lease_renew(struct lease *l, int64_t now, struct err *err)
{
	struct adoption a = lease_adoption(l);
	int64_t now_us;

	if (store_lease_renew(l->pg, l->options.name, l->row.epoch, l->options.ttl_ms, &now_us, err) < 0)
		return -1;
	(void)failpoint("lease_renewed");
	clock_correct(l, now_us);
	l->renewed_mono_ms = now;
	l->next_mono_ms = now + l->options.renew_interval_ms;
	return outbox_delete_acknowledged(&a, err) < 0 ? -1 : outbox_adopt(&a, &slot, 1, err);
}

int lease_turn(struct lease *l, struct err *err)
{
	int64_t now = clock_mono_ms();
	struct err why = { 0 };

	assert(!l->open);
	service_alive(l->service);
	publisher_poll(l->publisher, 0);
	service_condition_set(l->kafka, publisher_healthy(l->publisher), "no broker");
	if (now < l->next_mono_ms || (l->held ? lease_renew(l, now, &why) : lease_acquire(l, now, &why)) == 0)
		return 0;
	if (why.kind == ERR_FATAL) {
		*err = why;
		return -1;
	}
	lease_fail(l, &why);
	return 0;
}

bool lease_held(const struct lease *l)
{
	return l->held;
}

bool lease_is_fresh(const struct lease *l, int64_t ms)
{
	return l->held && clock_mono_ms() - l->renewed_mono_ms < ms;
}

void lease_fail(struct lease *l, const struct err *why)
{
	bool was_held = l->held;

	log_warn("lease failed, will retry", LOG_S("lease", l->options.name), LOG_I("held", was_held), LOG_ERR(why));
	lease_rollback(l);
	l->held = false;
	publisher_discard_all(l->publisher); /* the next holder publishes the remaining rows */
	l->next_mono_ms = clock_mono_ms() + l->options.backoff_ms;
	service_condition_set(l->leading, false, why->msg);
	if (was_held)
		l->ops->lost(l->ctx);
}

struct pg *lease_pg(struct lease *l)
{
	return l->pg;
}

int lease_begin(struct lease *l, struct err *err)
{
	assert(!l->open);
	if (!l->held)
		return err_set(err, ERR_FENCED, "lease", "the lease %s is not held by this replica", l->options.name);
	l->open = true;
	outgoing_clear(&l->out);
	if (pg_begin(l->pg, err) < 0)
		return -1;
	return store_lease_lock(l->pg, l->options.name, l->row.epoch, &l->row.seq, err);
}

struct event_source lease_source(const struct lease *l)
{
	assert(l->open);
	return (struct event_source){
		.producer = str_of(l->options.name), .epoch = l->row.epoch, .seq = l->row.seq, .index = l->out.n
	};
}

void lease_emit(struct lease *l, struct str topic, struct str key, struct str value, const struct header *headers,
	size_t n_headers)
{
	assert(l->open);
	outgoing_add(&l->out, topic, key, value, headers, n_headers);
}

int lease_commit(struct lease *l, struct err *err)
{
	struct outbox_row row = { { STR(""), slot.number }, l->row.epoch, l->row.seq, STR_NONE, 0 };

	assert(l->open);
	row.records = buf_str(&l->out.records);
	if (l->out.n > 0 && store_outbox_put(l->pg, l->options.name, &row, 1, err) < 0)
		return -1;
	if (pg_commit(l->pg, err) < 0)
		return -1;
	(void)failpoint("lease_committed");
	l->open = false;
	if (l->out.n > 0)
		publisher_add(l->publisher, slot, STR(""), l->row.epoch, l->row.seq, 0, &l->out.records);
	outgoing_clear(&l->out);
	publisher_poll(l->publisher, 0);
	return 0;
}

void lease_rollback(struct lease *l)
{
	if (l->open && l->pg)
		pg_rollback(l->pg);
	l->open = false;
	outgoing_clear(&l->out);
}
