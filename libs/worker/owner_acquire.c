/* Acquiring partitions; see owner.h. Invariant: fetching starts only after the epochs are raised and every row that the
 * outbox held then is queued for publishing (or known to wait in the outbox), so that records of a former owner precede
 * new ones. */
#include "worker/owner_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/schema.h"

#include <assert.h>
#include <stdlib.h>

#define CLUSTER_ID_WAIT_MS 1000

static int owner_connect(struct owner *o, struct err *err)
{
	if (!o->pg)
		return pg_open(&o->pg, &o->options.pg, err);
	return pg_usable(o->pg) ? 0 : pg_reconnect(o->pg, err);
}

int owner_adopt(struct owner *o, struct err *err)
{
	struct topic_partition *slots = mem_calloc(o->n_slots + 1, sizeof(*slots));
	struct adoption adoption = owner_adoption(o);
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < o->n_slots; i++)
		if (!owner_follows(o, o->slots[i].partition.topic))
			slots[n++] = o->slots[i].partition;
	rc = outbox_adopt(&adoption, slots, n, err);
	free(slots);
	return rc;
}

static int owner_start_fetching(struct owner *o, struct err *err)
{
	struct consumer_position *positions = mem_calloc(o->n_slots + 1, sizeof(*positions));
	int rc;

	for (size_t i = 0; i < o->n_slots; i++) {
		int64_t next = o->slots[i].progress.next_offset;

		positions[i] = (struct consumer_position){ o->slots[i].partition,
			next == PROGRESS_NO_OFFSET ? KAFKA_OFFSET_BEGINNING : next };
		o->slots[i].stopped = false;
	}
	rc = kafka_consumer_start(o->consumer, positions, o->n_slots, err);
	free(positions);
	return rc;
}

/* Lets the service load its state for the acquired partitions. */
static int owner_load(struct owner *o, struct err *err)
{
	struct progress *rows;
	int rc;

	if (!o->ops->acquired)
		return 0;
	rows = mem_calloc(o->n_slots + 1, sizeof(*rows));
	for (size_t i = 0; i < o->n_slots; i++)
		rows[i] = o->slots[i].progress;
	rc = o->ops->acquired(o->ctx, o->pg, rows, o->n_slots, err);
	free(rows);
	return rc;
}

/* After this a former owner cannot write any more. */
static int owner_raise_epochs(struct owner *o, const char *cluster, struct err *err)
{
	struct progress *rows = mem_calloc(o->n_slots + 1, sizeof(*rows));
	int rc;

	for (size_t i = 0; i < o->n_slots; i++)
		rows[i] = o->slots[i].progress;
	rc = store_progress_claim(o->pg, o->options.consumer, cluster, o->options.reset_cluster, rows, o->n_slots, err);
	for (size_t i = 0; rc == 0 && i < o->n_slots; i++)
		o->slots[i].progress = rows[i];
	free(rows);
	return rc;
}

static int partitions_acquire(struct owner *o, struct err *err)
{
	char cluster[64];

	if (owner_connect(o, err) < 0 || store_schema_version_check(o->pg, SCHEMA_VERSION, err) < 0 ||
		kafka_consumer_cluster_id(o->consumer, CLUSTER_ID_WAIT_MS, cluster, err) < 0 ||
		owner_raise_epochs(o, cluster, err) < 0 || owner_load(o, err) < 0 || owner_adopt(o, err) < 0)
		return -1;
	assert(o->begun == o->generation); /* otherwise one of these statements would have been abandoned */
	return owner_start_fetching(o, err);
}

/* The partitions of a topic, and the lowest of the epochs that they have got. */
static void log_acquired(const struct owner *o, int32_t topic)
{
	struct buf partitions = BUF_INIT;
	int64_t epoch = INT64_MAX;

	for (size_t i = 0; i < o->n_slots; i++) {
		const struct slot_state *slot = &o->slots[i];

		if (slot->partition.topic != topic)
			continue;
		buf_printf(&partitions, partitions.n > 0 ? ",%d" : "%d", (int)slot->partition.number);
		epoch = slot->progress.epoch < epoch ? slot->progress.epoch : epoch;
	}
	if (partitions.n > 0)
		log_info("consuming", LOG_S("topic", o->options.topics[topic].name),
			LOG_STR("partitions", buf_str(&partitions)), LOG_I("epoch", epoch));
	buf_fini(&partitions);
}

int owner_acquire(struct owner *o, struct err *err)
{
	uint64_t generation = o->generation;

	if (partitions_acquire(o, err) <
		0) /* lost meanwhile is no failure: a new assignment is acquired in a later turn */
		return generation == o->generation ? -1 : 0;
	o->state = OWNER_RUNNING;
	o->started_mono_ms = clock_mono_ms();
	service_condition_set(o->consuming, true, NULL);
	for (int32_t topic = 0; topic < CONSUMER_TOPICS_MAX && o->options.topics[topic].name; topic++)
		log_acquired(o, topic);
	return 0;
}
