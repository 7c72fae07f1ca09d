/* See ledger.h.
 *
 *   idle --begin--> reading --batch is full--> full --written--> reading ... --end--> full --written--> idle, read
 *                    │  ▲                        │
 *                    │  └───── after BACKOFF ────┴─ begin, failure
 *
 * Invariant: the batch is the thread's while the state is READING, and the main loop's while it is FULL; of a reading that was begun before the
 * last ledger_begin() nothing is written. */
#include "cleanup/ledger.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "kafka/inbound_ends.h"
#include "kafka/reader.h"
#include "store/cleanup_erasure.h"
#include "wire/erasure.h"

#define ASK_MS     2000
#define SILENCE_MS 10000 /* without a record */
#define BACKOFF_MS 2000

enum state { IDLE, READING, FULL };

struct ledger {
	const struct kafka_config *config;
	const struct topic_names *topics;
	pthread_t thread;
	bool started;
	pthread_mutex_t mutex; /* of what follows, but for the batch */
	pthread_cond_t changed;
	enum state state;
	int64_t reading; /* rises with every ledger_begin() */
	bool end;
	struct erasure_entry batch[LEDGER_BATCH];
	size_t n;
	bool last; /* the batch is the last one */
	struct buf behind; /* JSON: the ends of what chat-sync consumes */
	/* The main loop's */
	bool read;
	int64_t added;
};

/* The thread */

static bool is_current(struct ledger *l, int64_t reading)
{
	bool current;

	pthread_mutex_lock(&l->mutex);
	current = !l->end && l->reading == reading;
	pthread_mutex_unlock(&l->mutex);
	return current;
}

static void entry_add(struct ledger *l, const struct kafka_message *m)
{
	struct arena *a = arena_new(0);
	struct erasure_record r;
	struct err err;

	if (erasure_record_decode(&r, m->value, a, &err) < 0)
		log_error("record of the ledger is skipped", LOG_I("partition", m->partition),
			LOG_I("offset", m->offset), LOG_ERR(&err));
	else
		l->batch[l->n++] = (struct erasure_entry){ .erasure = r.erasure,
			.workspace = r.workspace,
			.contact = r.contact,
			.forget_opt_outs = r.forget_opt_outs,
			.requested_us = r.requested_at_ms * 1000,
			.until_us = r.until_ms ? r.until_ms * 1000 : PG_NO_TIME };
	arena_free(a);
}

/* Waits until the main loop has written the batch. False: another reading has begun. */
static bool batch_give(struct ledger *l, int64_t reading, bool last)
{
	bool current;

	pthread_mutex_lock(&l->mutex);
	if (!l->end && l->reading == reading) {
		l->last = last;
		l->state = FULL;
	}
	while (!l->end && l->reading == reading && l->state == FULL)
		pthread_cond_wait(&l->changed, &l->mutex);
	current = !l->end && l->reading == reading;
	pthread_mutex_unlock(&l->mutex);
	l->n = 0;
	return current;
}

/* 1: a record, 0: the end, or another reading has begun. */
static int record_next(struct ledger *l, struct kafka_reader *reader, int64_t reading, struct kafka_message *m,
	struct err *err)
{
	int64_t deadline_ms = clock_mono_ms() + SILENCE_MS;
	int rc;

	do
		rc = kafka_reader_next(reader, 200, m, err);
	while (rc < 0 && err->kind == ERR_RETRY && clock_mono_ms() < deadline_ms && is_current(l, reading));
	return rc;
}

static int topic_read(struct ledger *l, int64_t reading, struct err *err)
{
	struct kafka_reader *reader = NULL;
	struct kafka_message m;
	int rc = -1;

	l->n = 0;
	if (kafka_inbound_ends(l->config, l->topics, ASK_MS, &l->behind, err) < 0 ||
		kafka_reader_open(&reader, l->config, l->topics->of[TOPIC_ERASURE], ASK_MS, err) < 0)
		goto out;
	while ((rc = record_next(l, reader, reading, &m, err)) == 1) {
		entry_add(l, &m);
		kafka_message_release(&m);
		if (l->n == LEDGER_BATCH && !batch_give(l, reading, false))
			break;
	}
	if (rc == 0)
		(void)batch_give(l, reading, true);
out:
	kafka_reader_close(&reader);
	return rc;
}

static void backoff(struct ledger *l)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += BACKOFF_MS / 1000;
	pthread_mutex_lock(&l->mutex);
	if (!l->end)
		(void)pthread_cond_timedwait(&l->changed, &l->mutex, &until);
	pthread_mutex_unlock(&l->mutex);
}

static void *thread_run(void *ctx)
{
	struct ledger *l = ctx;
	struct err err;

	pthread_mutex_lock(&l->mutex);
	while (!l->end) {
		int64_t reading = l->reading;

		if (l->state != READING) {
			pthread_cond_wait(&l->changed, &l->mutex);
			continue;
		}
		pthread_mutex_unlock(&l->mutex);
		if (topic_read(l, reading, &err) < 0 && is_current(l, reading)) {
			log_warn("the ledger of erasures is not read yet", LOG_ERR(&err));
			backoff(l);
		}
		pthread_mutex_lock(&l->mutex);
	}
	pthread_mutex_unlock(&l->mutex);
	return NULL;
}

/* The main loop */

int ledger_open(struct ledger **out, const struct kafka_config *config, const struct topic_names *topics,
	struct err *err)
{
	struct ledger *l = mem_calloc(1, sizeof(*l));

	l->config = config;
	l->topics = topics;
	pthread_mutex_init(&l->mutex, NULL);
	pthread_cond_init(&l->changed, NULL);
	if (thread_start(&l->thread, thread_run, l, err) < 0) {
		ledger_close(&l);
		return -1;
	}
	l->started = true;
	*out = l;
	return 0;
}

void ledger_close(struct ledger **ledger)
{
	struct ledger *l = *ledger;

	*ledger = NULL;
	if (!l)
		return;
	pthread_mutex_lock(&l->mutex);
	l->end = true;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->mutex);
	if (l->started)
		pthread_join(l->thread, NULL);
	buf_fini(&l->behind);
	pthread_cond_destroy(&l->changed);
	pthread_mutex_destroy(&l->mutex);
	free(l);
}

static void state_set(struct ledger *l, enum state state)
{
	l->state = state;
	pthread_cond_broadcast(&l->changed);
}

void ledger_begin(struct ledger *l)
{
	pthread_mutex_lock(&l->mutex);
	l->reading++;
	state_set(l, READING);
	pthread_mutex_unlock(&l->mutex);
	l->read = false;
	l->added = 0;
}

static int batch_write(struct ledger *l, struct lease *lease, struct err *err)
{
	int64_t added;

	if (lease_begin(lease, err) < 0 ||
		store_erasure_ledger(lease_pg(lease), l->batch, l->n, buf_str(&l->behind), &added, err) < 0 ||
		lease_commit(lease, err) < 0)
		return -1;
	l->added += added;
	return 0;
}

int ledger_turn(struct ledger *l, struct lease *lease, struct err *err)
{
	bool full;

	pthread_mutex_lock(&l->mutex);
	full = l->state == FULL;
	pthread_mutex_unlock(&l->mutex);
	if (!full)
		return 0;
	if (batch_write(l, lease, err) < 0)
		return -1;
	l->read = l->last;
	if (l->read && l->added > 0)
		log_warn("erasures are repeated that the database did not know", LOG_I("erasures", l->added));
	pthread_mutex_lock(&l->mutex);
	state_set(l, l->read ? IDLE : READING);
	pthread_mutex_unlock(&l->mutex);
	return 0;
}

bool ledger_is_read(const struct ledger *l)
{
	return l->read;
}
