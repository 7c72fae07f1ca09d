/* See ends.h.
 *
 *   idle --ask--> asked --thread--> asking --answer, error--> idle
 *
 * Invariant: only the thread uses librdkafka's handle, and the mutex is not held while it waits for Kafka. */
#include "kafka/ends.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/thread.h"
#include "kafka/client.h"

#define ASK_MS   2000
#define SERVE_MS 500 /* between two calls of rd_kafka_poll(), which runs librdkafka's callbacks */

enum state { IDLE, ASKED, ASKING };

struct kafka_ends {
	struct kafka_client client; /* first: librdkafka's opaque */
	rd_kafka_t *rk;
	pthread_t thread;
	bool started;
	pthread_mutex_t mutex; /* of what follows */
	pthread_cond_t changed;
	enum state state;
	bool end;
	rd_kafka_topic_partition_list_t *places; /* of the request; offset: the next offset */
	int64_t behind;
};

static int64_t behind_of(const rd_kafka_topic_partition_list_t *places, const rd_kafka_topic_partition_list_t *ends)
{
	int64_t behind = 0;

	for (int i = 0; i < places->cnt; i++) {
		int64_t end = ends->elems[i].err ? 0 : ends->elems[i].offset;

		behind += end > places->elems[i].offset ? end - places->elems[i].offset : 0;
	}
	return behind;
}

static int64_t ends_ask(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *places)
{
	rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_copy(places);
	int64_t behind;

	for (int i = 0; i < ends->cnt; i++)
		ends->elems[i].offset = RD_KAFKA_OFFSET_END;
	behind = ends->cnt == 0 ? 0 : rd_kafka_offsets_for_times(rk, ends, ASK_MS) ? -1 : behind_of(places, ends);
	rd_kafka_topic_partition_list_destroy(ends);
	return behind;
}

static void wait_changed(struct kafka_ends *e)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += SERVE_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	(void)pthread_cond_timedwait(&e->changed, &e->mutex, &until);
}

static void *thread_run(void *ctx)
{
	struct kafka_ends *e = ctx;
	int64_t behind;

	pthread_mutex_lock(&e->mutex);
	while (!e->end) {
		bool asked = e->state == ASKED;

		if (asked)
			e->state = ASKING;
		pthread_mutex_unlock(&e->mutex);
		rd_kafka_poll(e->rk, 0);
		behind = asked ? ends_ask(e->rk, e->places) : -1;
		pthread_mutex_lock(&e->mutex);
		if (asked) {
			e->behind = behind;
			e->state = IDLE;
		} else if (!e->end && e->state == IDLE) {
			wait_changed(e);
		}
	}
	pthread_mutex_unlock(&e->mutex);
	return NULL;
}

static int connect_to(struct kafka_ends *e, const struct kafka_config *config, const char *client_id, struct err *err)
{
	rd_kafka_conf_t *conf = kafka_client_conf(&e->client);

	if (kafka_config_apply(config, conf, err) < 0 || kafka_conf_put(conf, "client.id", client_id, err) < 0) {
		rd_kafka_conf_destroy(conf);
		return -1;
	}
	e->rk = kafka_client_new(RD_KAFKA_CONSUMER, &conf, err);
	return e->rk ? 0 : -1;
}

int kafka_ends_open(struct kafka_ends **out, const struct kafka_config *config, const char *client_id, struct err *err)
{
	struct kafka_ends *e = mem_calloc(1, sizeof(*e));

	e->behind = -1;
	pthread_mutex_init(&e->mutex, NULL);
	pthread_cond_init(&e->changed, NULL);
	if (connect_to(e, config, client_id, err) < 0 || thread_start(&e->thread, thread_run, e, err) < 0) {
		kafka_ends_close(&e);
		return -1;
	}
	e->started = true;
	*out = e;
	return 0;
}

void kafka_ends_close(struct kafka_ends **ends)
{
	struct kafka_ends *e = *ends;

	*ends = NULL;
	if (!e)
		return;
	pthread_mutex_lock(&e->mutex);
	e->end = true;
	pthread_cond_signal(&e->changed);
	pthread_mutex_unlock(&e->mutex);
	if (e->started)
		pthread_join(e->thread, NULL);
	if (e->places)
		rd_kafka_topic_partition_list_destroy(e->places);
	if (e->rk)
		rd_kafka_destroy(e->rk);
	pthread_cond_destroy(&e->changed);
	pthread_mutex_destroy(&e->mutex);
	free(e);
}

void kafka_ends_ask(struct kafka_ends *e, const struct kafka_place *places, size_t n)
{
	pthread_mutex_lock(&e->mutex);
	if (e->state == IDLE) {
		if (e->places)
			rd_kafka_topic_partition_list_destroy(e->places);
		e->places = rd_kafka_topic_partition_list_new((int)n);
		for (size_t i = 0; i < n; i++)
			rd_kafka_topic_partition_list_add(e->places, places[i].topic, places[i].partition)->offset =
				places[i].next_offset;
		e->state = ASKED;
		pthread_cond_signal(&e->changed);
	}
	pthread_mutex_unlock(&e->mutex);
}

int64_t kafka_ends_behind(struct kafka_ends *e)
{
	int64_t behind;

	pthread_mutex_lock(&e->mutex);
	behind = e->behind;
	pthread_mutex_unlock(&e->mutex);
	return behind;
}
